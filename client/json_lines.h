#pragma once
#include <functional>
#include <iosfwd>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace fennec {

/// Calls `each` with every non-empty line's value and its place, "<name>:<line>". Throws IoError
/// "<name>: <line>: …" when a line is no JSON, also for what `each` throws as
/// nlohmann::json::exception.
void for_each_json_line(
    std::istream& in, const std::string& name,
    const std::function<void(const nlohmann::json& value, const std::string& where)>& each);

}  // namespace fennec
