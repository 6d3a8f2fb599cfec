#pragma once
#include <string>
#include <utility>
#include <vector>

namespace fennec {

/// Points whose y is not finite are left out.
struct PlotSeries {
  std::string name;
  std::vector<std::pair<double, double>> points;  ///< ascending x
  std::vector<double> spread{};  ///< half the height of a band about each point; empty = no band
};

struct Plot {
  std::string title, x_label, y_label;
  std::vector<PlotSeries> series;
  bool bars = false;       ///< grouped bars at integer x instead of lines
  bool from_zero = false;  ///< the y axis starts at 0
};

/// One <figure> with an inline SVG: axes, ticks, grid and legend; scales with the page. Empty when
/// there is nothing to plot.
std::string plot_svg(const Plot& plot);

/// At most about `count` round numbers (1, 2, 2.5 or 5 times a power of ten) that cover [low, high].
std::vector<double> round_ticks(double low, double high, int count, bool integers = false);

std::string escape_html(const std::string& text);

}  // namespace fennec
