#pragma once
#include <string>
#include <vector>

namespace fennec {

// The frame of every report: inline CSS, no script, nothing fetched. Text is escaped here, `body` is
// HTML already.

std::string html_page(const std::string& title, const std::string& subtitle, const std::string& body);
std::string html_table(const std::vector<std::string>& head,
                       const std::vector<std::vector<std::string>>& rows);
std::string html_tile(const std::string& label, const std::string& value);  ///< inside a div.tiles

}  // namespace fennec
