#include "core/params.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace fennec {

Params::Params() = default;
Params::~Params() = default;
Params::Params(const Params&) = default;
Params::Params(Params&&) noexcept = default;
Params& Params::operator=(const Params&) = default;
Params& Params::operator=(Params&&) noexcept = default;

const Params* Params::find(std::string_view key) const {
  for (const auto& [name, value] : map)
    if (name == key) return &value;
  return nullptr;
}

namespace {

/// Optimal string alignment distance: insertions, deletions, substitutions, swaps of neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

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

std::string closest_name(std::string_view name, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = 3;  // farther than two edits is another word
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best_distance && distance < std::max(name.size(), candidate.size()) / 2 + 1) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

// ---- FieldReader

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
void FieldReader::operator()(const char* name, StringMap& values, const char*) {
  const Params* child = take(name);
  if (child == nullptr) return;
  if (child->kind != Params::Kind::kMap) {
    errors_.push_back(child->where + ": " + path(name) + " must be a section of keys, is " +
                      shown(*child));
    return;
  }
  values.clear();
  for (const auto& [key, node] : child->map) {
    values.emplace_back(key, "");
    read_scalar(node, path(name) + "." + key, values.back().second, errors_);
  }
}

// ---- FieldWriter

namespace {

bool is_plain(const std::string& text) {
  static constexpr std::array<std::string_view, 9> kReserved{"true", "false", "null", "yes", "no",
                                                             "on",   "off",   "y",    "n"};
  if (text.empty()) return false;
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  if (!letter(text[0]) && text[0] != '/') return false;
  std::string lower;
  for (const char c : text) {
    if (!letter(c) && !(c >= '0' && c <= '9') && c != '.' && c != '/' && c != '-') return false;
    lower.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return std::find(kReserved.begin(), kReserved.end(), lower) == kReserved.end();
}

/// Plain where every YAML reader takes it as text, else in double quotes.
std::string quote(const std::string& text) {
  if (is_plain(text)) return text;
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string text_of(double value) {  // shortest text that reads back to the same bits
  std::array<char, 32> buffer{};
  const auto [end, code] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return code == std::errc{} ? std::string(buffer.data(), end) : std::string();
}
std::string text_of(int value) { return std::to_string(value); }
std::string text_of(const std::string& value) { return quote(value); }

template <class T>
std::string flow(const std::vector<T>& values) {
  std::string out = "[";
  for (std::size_t i = 0; i < values.size(); ++i) out += (i == 0 ? "" : ", ") + text_of(values[i]);
  return out + "]";
}

}  // namespace

void FieldWriter::begin(const char* name) {
  if (!std::exchange(first_in_item_, false)) out_.append(static_cast<std::size_t>(indent_), ' ');
  out_ += name;
  out_ += ":\n";
}
void FieldWriter::begin_list(const char* name, bool empty) {
  if (empty) {
    scalar(name, "[]");
  } else {
    begin(name);
  }
}
void FieldWriter::begin_item() {
  out_.append(static_cast<std::size_t>(indent_) + 2, ' ');
  out_ += "- ";
}
void FieldWriter::scalar(const char* name, const std::string& text) {
  begin(name);
  out_.pop_back();
  out_ += " " + text + "\n";
}

void FieldWriter::operator()(const char* name, const bool& value, const char*) {
  scalar(name, value ? "true" : "false");
}
void FieldWriter::operator()(const char* name, const int& value, const char*) {
  scalar(name, text_of(value));
}
void FieldWriter::operator()(const char* name, const std::int64_t& value, const char*) {
  scalar(name, std::to_string(value));
}
void FieldWriter::operator()(const char* name, const std::uint64_t& value, const char*) {
  scalar(name, std::to_string(value));
}
void FieldWriter::operator()(const char* name, const double& value, const char*) {
  scalar(name, text_of(value));
}
void FieldWriter::operator()(const char* name, const std::string& value, const char*) {
  scalar(name, quote(value));
}
void FieldWriter::operator()(const char* name, const std::vector<std::string>& value, const char*) {
  scalar(name, flow(value));
}
void FieldWriter::operator()(const char* name, const std::vector<int>& value, const char*) {
  scalar(name, flow(value));
}
void FieldWriter::operator()(const char* name, const std::vector<double>& value, const char*) {
  scalar(name, flow(value));
}
void FieldWriter::operator()(const char* name, const StringMap& value, const char*) {
  if (value.empty()) {
    scalar(name, "{}");
    return;
  }
  begin(name);
  for (const auto& [key, text] : value) {
    out_.append(static_cast<std::size_t>(indent_) + 2, ' ');
    out_ += quote(key) + ": " + quote(text) + "\n";
  }
}

// ---- FieldLister

void FieldLister::add(const char* name, const std::string& written, const char* doc) {
  const std::size_t skip = std::string_view(name).size() + 1;  // "name:"
  const std::size_t from = std::min(written.find_first_not_of(" \n", skip), written.size());
  const std::size_t to = written.find_last_not_of('\n');
  std::string value = from < written.size() ? written.substr(from, to + 1 - from) : std::string();
  out_.push_back({prefix_ + name, std::move(value), doc});
}

}  // namespace fennec
