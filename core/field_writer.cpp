#include <algorithm>
#include <array>
#include <charconv>

#include "core/params.h"

namespace fennec {
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
template <class T>
void FieldWriter::write_map(const char* name, const std::vector<std::pair<std::string, T>>& values) {
  if (values.empty()) {
    scalar(name, "{}");
    return;
  }
  begin(name);
  for (const auto& [key, value] : values) {
    out_.append(static_cast<std::size_t>(indent_) + 2, ' ');
    out_ += quote(key) + ": " + text_of(value) + "\n";
  }
}

void FieldWriter::operator()(const char* name, const StringMap& value, const char*) {
  write_map(name, value);
}
void FieldWriter::operator()(const char* name, const NumberMap& value, const char*) {
  write_map(name, value);
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
