#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/params.h"

namespace fennec {
namespace {

/// How a node reads in an error message.
std::string shown(const Params& node) {
  switch (node.kind) {
    case Params::Kind::kNull:
      return "empty";
    case Params::Kind::kScalar:
      return "'" + node.scalar + "'";
    case Params::Kind::kList:
      return "a list";
    case Params::Kind::kMap:
      return "a section";
  }
  return "";
}

enum class Parsed { kOk, kWrongType, kOutOfRange };

template <class Int>
Parsed parse_integer(const Params& node, Int& value) {
  if (node.kind != Params::Kind::kScalar || node.quoted) return Parsed::kWrongType;
  const char* first = node.scalar.data();
  const char* last = first + node.scalar.size();
  Int parsed{};
  const auto [end, code] = std::from_chars(first, last, parsed);
  if (code == std::errc::result_out_of_range && end == last) return Parsed::kOutOfRange;
  if (code != std::errc{} || end != last) {
    const bool negative = std::is_unsigned_v<Int> && node.scalar.size() > 1 && *first == '-' &&
                          std::all_of(first + 1, last, [](char c) { return c >= '0' && c <= '9'; });
    return negative ? Parsed::kOutOfRange : Parsed::kWrongType;
  }
  value = parsed;
  return Parsed::kOk;
}

Parsed parse_double(const Params& node, double& value) {
  if (node.kind != Params::Kind::kScalar || node.quoted || node.scalar.empty())
    return Parsed::kWrongType;
  const char* first = node.scalar.data();
  const char* last = first + node.scalar.size();
  double parsed = 0;
  const auto [end, code] = std::from_chars(first, last, parsed);
  if (code == std::errc::result_out_of_range && end == last) return Parsed::kOutOfRange;
  if (code != std::errc{} || end != last || !std::isfinite(parsed)) return Parsed::kWrongType;
  value = parsed;
  return Parsed::kOk;
}

Parsed parse_bool(const Params& node, bool& value) {
  if (node.kind != Params::Kind::kScalar || node.quoted) return Parsed::kWrongType;
  if (node.scalar != "true" && node.scalar != "false") return Parsed::kWrongType;
  value = node.scalar == "true";
  return Parsed::kOk;
}

Parsed parse_string(const Params& node, std::string& value) {
  if (node.kind != Params::Kind::kScalar) return Parsed::kWrongType;
  value = node.scalar;
  return Parsed::kOk;
}

Parsed parse(const Params& node, bool& value) { return parse_bool(node, value); }
Parsed parse(const Params& node, int& value) { return parse_integer(node, value); }
Parsed parse(const Params& node, std::int64_t& value) { return parse_integer(node, value); }
Parsed parse(const Params& node, std::uint64_t& value) { return parse_integer(node, value); }
Parsed parse(const Params& node, double& value) { return parse_double(node, value); }
Parsed parse(const Params& node, std::string& value) { return parse_string(node, value); }

constexpr const char* type_name(const bool&) { return "true or false"; }
constexpr const char* type_name(const int&) { return "an integer"; }
constexpr const char* type_name(const std::int64_t&) { return "an integer"; }
constexpr const char* type_name(const std::uint64_t&) { return "a non-negative integer"; }
constexpr const char* type_name(const double&) { return "a number"; }
constexpr const char* type_name(const std::string&) { return "text"; }

template <class T>
void read_scalar(const Params& node, const std::string& path, T& value,
                 std::vector<std::string>& errors) {
  switch (parse(node, value)) {
    case Parsed::kOk:
      return;
    case Parsed::kWrongType:
      errors.push_back(node.where + ": " + path + " must be " + type_name(value) + ", is " +
                       shown(node));
      return;
    case Parsed::kOutOfRange:
      errors.push_back(node.where + ": " + path + " is out of range: " + shown(node));
      return;
  }
}

template <class T>
void read_list(const Params& node, const std::string& path, std::vector<T>& values,
               std::vector<std::string>& errors) {
  values.clear();
  for (std::size_t i = 0; i < node.list.size(); ++i)
    read_scalar(node.list[i], path + "[" + std::to_string(i) + "]", values.emplace_back(), errors);
}

}  // namespace

const Params* FieldReader::take(const char* name) {
  known_.emplace_back(name);
  const Params* child = node_.find(name);
  return child == nullptr || child->kind == Params::Kind::kNull ? nullptr : child;
}

std::string FieldReader::path(const char* name) const {
  return prefix_.empty() ? name : prefix_ + "." + name;
}

bool FieldReader::expect_list(const Params& node, const std::string& path) {
  if (node.kind == Params::Kind::kList) return true;
  errors_.push_back(node.where + ": " + path + " must be a list, is " + shown(node));
  return false;
}

void FieldReader::finish() {
  if (node_.kind == Params::Kind::kNull) return;
  if (node_.kind != Params::Kind::kMap) {
    errors_.push_back(node_.where + ": " + (prefix_.empty() ? "the document" : prefix_) +
                      " must be a section of keys, is " + shown(node_));
    return;
  }
  for (const auto& [key, value] : node_.map) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    std::string message = value.where + ": unknown key '" + path(key.c_str()) + "'";
    const std::string close = closest_name(key, known_);
    if (!close.empty()) {
      message += "; did you mean '" + close + "'?";
    } else {
      message += "; known:";
      for (std::size_t i = 0; i < known_.size(); ++i) message += (i == 0 ? " " : ", ") + known_[i];
    }
    errors_.push_back(std::move(message));
  }
}

void FieldReader::operator()(const char* name, bool& value, const char*) {
  if (const Params* child = take(name)) read_scalar(*child, path(name), value, errors_);
}
void FieldReader::operator()(const char* name, int& value, const char*) {
  if (const Params* child = take(name)) read_scalar(*child, path(name), value, errors_);
}
void FieldReader::operator()(const char* name, std::int64_t& value, const char*) {
  if (const Params* child = take(name)) read_scalar(*child, path(name), value, errors_);
}
void FieldReader::operator()(const char* name, std::uint64_t& value, const char*) {
  if (const Params* child = take(name)) read_scalar(*child, path(name), value, errors_);
}
void FieldReader::operator()(const char* name, double& value, const char*) {
  if (const Params* child = take(name)) read_scalar(*child, path(name), value, errors_);
}
void FieldReader::operator()(const char* name, std::string& value, const char*) {
  if (const Params* child = take(name)) read_scalar(*child, path(name), value, errors_);
}
void FieldReader::operator()(const char* name, std::vector<std::string>& values, const char*) {
  const Params* child = take(name);
  if (child != nullptr && expect_list(*child, path(name)))
    read_list(*child, path(name), values, errors_);
}
void FieldReader::operator()(const char* name, std::vector<int>& values, const char*) {
  const Params* child = take(name);
  if (child != nullptr && expect_list(*child, path(name)))
    read_list(*child, path(name), values, errors_);
}
void FieldReader::operator()(const char* name, std::vector<double>& values, const char*) {
  const Params* child = take(name);
  if (child != nullptr && expect_list(*child, path(name)))
    read_list(*child, path(name), values, errors_);
}
template <class T>
void FieldReader::read_map(const char* name, std::vector<std::pair<std::string, T>>& values) {
  const Params* child = take(name);
  if (child == nullptr) return;
  if (child->kind != Params::Kind::kMap) {
    errors_.push_back(child->where + ": " + path(name) + " must be a section of keys, is " +
                      shown(*child));
    return;
  }
  values.clear();
  for (const auto& [key, node] : child->map) {
    values.emplace_back(key, T{});
    read_scalar(node, path(name) + "." + key, values.back().second, errors_);
  }
}

void FieldReader::operator()(const char* name, StringMap& values, const char*) {
  read_map(name, values);
}
void FieldReader::operator()(const char* name, NumberMap& values, const char*) {
  read_map(name, values);
}

}  // namespace fennec
