#include "client/json_lines.h"

#include <istream>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace fennec {

void for_each_json_line(
    std::istream& in, const std::string& name,
    const std::function<void(const nlohmann::json& value, const std::string& where)>& each) {
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string where = name + ":" + std::to_string(number);
    try {
      each(nlohmann::json::parse(line), where);
    } catch (const nlohmann::json::exception& e) {
      throw IoError(where + ": " + e.what());
    }
  }
}

}  // namespace fennec
