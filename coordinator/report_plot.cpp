#include "coordinator/report_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace fennec {

namespace {

constexpr double kWidth = 560, kHeight = 300, kLeft = 64, kRight = 14, kTop = 40, kBottom = 46;
constexpr int kLegendRow = 14;
// Okabe–Ito: told apart by colour-blind readers too.
constexpr std::array<const char*, 7> kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                 "#e69f00", "#56b4e9", "#000000"};

const char* colour(std::size_t i) { return kColours[i % kColours.size()]; }

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  void include(double v) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  bool empty() const { return low > high; }
};

/// Data → pixels.
struct Frame {
  Range x, y;
  double px(double v) const {
    return kLeft + (v - x.low) / (x.high - x.low) * (kWidth - kLeft - kRight);
  }
  double py(double v) const {
    return kHeight - kBottom - (v - y.low) / (y.high - y.low) * (kHeight - kTop - kBottom);
  }
};

std::string number(double v) {
  if (v == 0) return "0";
  const double size = std::abs(v);
  if (size >= 1e9) return fmt::format("{:g}G", v / 1e9);
  if (size >= 1e6) return fmt::format("{:g}M", v / 1e6);
  if (size >= 1e4) return fmt::format("{:g}k", v / 1e3);
  return fmt::format("{:g}", std::round(v * 1e6) / 1e6);
}

double spread_at(const PlotSeries& series, std::size_t i) {
  return i < series.spread.size() && std::isfinite(series.spread[i]) ? series.spread[i] : 0;
}

Frame frame_of(const Plot& plot) {
  Frame frame;
  for (const PlotSeries& series : plot.series)
    for (std::size_t i = 0; i < series.points.size(); ++i) {
      const auto& [x, y] = series.points[i];
      if (!std::isfinite(y)) continue;
      frame.x.include(x);
      frame.y.include(y - spread_at(series, i));
      frame.y.include(y + spread_at(series, i));
    }
  if (frame.x.empty()) return frame;
  if (plot.from_zero || plot.bars) frame.y.include(0);
  if (frame.y.low == frame.y.high) frame.y.high += frame.y.high == 0 ? 1 : std::abs(frame.y.high) * 0.1;
  const std::vector<double> ticks = round_ticks(frame.y.low, frame.y.high, 6);
  frame.y.include(ticks.front());
  frame.y.include(ticks.back());
  const double margin = plot.bars || frame.x.low == frame.x.high ? 0.6 : 0;
  frame.x = {frame.x.low - margin, frame.x.high + margin};
  return frame;
}

std::string axes(const Plot& plot, const Frame& f) {
  std::string out;
  const double right = kWidth - kRight, bottom = kHeight - kBottom;
  for (const double v : round_ticks(f.y.low, f.y.high, 6))
    out += fmt::format(
        "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/><text x=\"{}\" "
        "y=\"{:.1f}\" class=\"t e\">{}</text>\n",
        kLeft, right, f.py(v), f.py(v), kLeft - 8, f.py(v) + 4, number(v));
  for (const double v : round_ticks(f.x.low, f.x.high, 10, true)) {
    if (v < f.x.low || v > f.x.high) continue;
    out += fmt::format(
        "<line class=\"axis\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{}\" y2=\"{}\"/><text x=\"{:.1f}\" "
        "y=\"{}\" class=\"t m\">{}</text>\n",
        f.px(v), f.px(v), bottom, bottom + 5, f.px(v), bottom + 19, number(v));
  }
  out += fmt::format("<path class=\"axis\" d=\"M{} {}V{}H{}\" fill=\"none\"/>\n", kLeft, kTop, bottom,
                     right);
  out += fmt::format("<text x=\"{:.1f}\" y=\"{}\" class=\"t m\">{}</text>\n", (kLeft + right) / 2,
                     kHeight - 8, escape_html(plot.x_label));
  out += fmt::format("<text transform=\"translate(14 {:.1f}) rotate(-90)\" class=\"t m\">{}</text>\n",
                     (kTop + bottom) / 2, escape_html(plot.y_label));
  return out;
}

/// There along the upper edge, back along the lower one.
std::string band(const PlotSeries& series, const Frame& f, const char* fill) {
  if (series.spread.empty()) return "";
  std::string upper, lower;
  for (std::size_t i = 0; i < series.points.size(); ++i) {
    const auto& [x, y] = series.points[i];
    if (!std::isfinite(y)) continue;
    const double spread = spread_at(series, i);
    upper += fmt::format("{}{:.1f} {:.1f}", upper.empty() ? "M" : "L", f.px(x), f.py(y + spread));
    lower = fmt::format("L{:.1f} {:.1f}", f.px(x), f.py(y - spread)) + lower;
  }
  return fmt::format("<path d=\"{}{}Z\" fill=\"{}\" fill-opacity=\"0.15\"/>\n", upper, lower, fill);
}

std::string line(const PlotSeries& series, const Frame& f, const char* stroke) {
  std::string path, dots;
  for (const auto& [x, y] : series.points) {
    if (!std::isfinite(y)) continue;
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", f.px(x), f.py(y));
    if (series.points.size() <= 60)
      dots += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"><title>{}: {} at "
          "{}</title></circle>",
          f.px(x), f.py(y), stroke, escape_html(series.name), number(y), number(x));
  }
  return band(series, f, stroke) +
         fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>{}\n", path,
                     stroke, dots);
}

std::string bars(const Plot& plot, const Frame& f) {
  std::string out;
  const auto count = static_cast<double>(plot.series.size());
  const double slot = (f.px(1) - f.px(0)) * 0.8 / count;
  for (std::size_t i = 0; i < plot.series.size(); ++i)
    for (const auto& [x, y] : plot.series[i].points) {
      if (!std::isfinite(y)) continue;
      const double left = f.px(x) + (static_cast<double>(i) - count / 2) * slot;
      out += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\" fill=\"{}\"><title>{}: "
          "{} at {}</title></rect>\n",
          left, f.py(y), std::max(slot * 0.92, 0.5), f.py(0) - f.py(y), colour(i),
          escape_html(plot.series[i].name), number(y), number(x));
    }
  return out;
}

/// Left edge and row of each name; as many rows as they need.
std::vector<std::pair<double, int>> legend_places(const Plot& plot) {
  std::vector<std::pair<double, int>> out;
  double x = kLeft;
  int row = 0;
  for (const PlotSeries& series : plot.series) {
    const double width = 34 + 6.6 * static_cast<double>(series.name.size());
    if (x + width > kWidth && x > kLeft) {
      x = kLeft;
      ++row;
    }
    out.emplace_back(x, row);
    x += width;
  }
  return out;
}

std::string legend(const Plot& plot, const std::vector<std::pair<double, int>>& places, int top) {
  std::string out;
  for (std::size_t i = 0; i < plot.series.size(); ++i) {
    const double x = places[i].first;
    const int y = top + kLegendRow * places[i].second;
    out += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{}\" width=\"12\" height=\"4\" fill=\"{}\"/><text x=\"{:.1f}\" "
        "y=\"{}\" class=\"t\">{}</text>\n",
        x, y - 6, colour(i), x + 17, y, escape_html(plot.series[i].name));
  }
  return out;
}

}  // namespace

std::vector<double> round_ticks(double low, double high, int count, bool integers) {
  const double raw = std::max((high - low) / count, 1e-300);
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double m : {5.0, 2.5, 2.0, 1.0})
    if (m * power >= raw) step = m * power;
  if (integers) step = std::max(1.0, std::round(step));
  std::vector<double> out;
  const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
  for (double k = first; k <= last; ++k) out.push_back(k * step);
  return out;
}

std::string plot_svg(const Plot& plot) {
  const Frame f = frame_of(plot);
  if (f.x.empty()) return "";
  const auto places = legend_places(plot);
  const int above = places.empty() ? 0 : kLegendRow * places.back().second;  // grows upwards
  std::string out = fmt::format(
      "<figure><svg viewBox=\"0 {} {} {}\" role=\"img\" aria-label=\"{}\">\n<text x=\"{}\" y=\"{}\" "
      "class=\"h\">{}</text>\n",
      -above, kWidth, kHeight + above, escape_html(plot.title), kLeft, 14 - above,
      escape_html(plot.title));
  out += legend(plot, places, 28 - above) + axes(plot, f);
  if (plot.bars)
    out += bars(plot, f);
  else
    for (std::size_t i = 0; i < plot.series.size(); ++i) out += line(plot.series[i], f, colour(i));
  return out + "</svg></figure>\n";
}

std::string escape_html(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace fennec
