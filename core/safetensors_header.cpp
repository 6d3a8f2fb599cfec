#include "core/safetensors_header.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

namespace fennec {

namespace {

using Json = nlohmann::json;

std::optional<Dtype> dtype_from(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Dtype::kU64); ++i)
    if (to_string(static_cast<Dtype>(i)) == name) return static_cast<Dtype>(i);
  return std::nullopt;
}

/// Receives the JSON events one by one, so nothing is built for input that will be refused.
class HeaderReader {
 public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  bool null() { return refuse("null is not allowed"); }
  bool boolean(bool) { return refuse("true and false are not allowed"); }
  bool number_integer(number_integer_t) { return refuse("negative number"); }
  bool number_float(number_float_t, const string_t&) { return refuse("number with a fraction"); }
  bool binary(binary_t&) { return refuse("binary value"); }

  bool number_unsigned(number_unsigned_t value) {
    if (!in_array_) return refuse("number out of place");
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return refuse("number too large");
    numbers_.push_back(value);
    return true;
  }

  bool string(string_t& value) {
    if (depth_ == 2 && in_metadata_) {
      header_.metadata[field_] = std::move(value);
      return true;
    }
    if (depth_ != 2 || in_array_ || field_ != "dtype") return refuse("string out of place");
    const auto dtype = dtype_from(value);
    if (!dtype) return refuse("unsupported dtype '" + value + "'");
    header_.entries.back().dtype = *dtype;
    return true;
  }

  bool start_object(std::size_t) {
    if (in_array_ || depth_ == 2) return refuse("nested too deep");
    if (++depth_ == 2 && !in_metadata_) header_.entries.emplace_back().name = name_;
    fields_.clear();
    return true;
  }

  bool key(string_t& key) {
    if (depth_ == 1) {
      if (!names_.insert(key).second) return refuse("duplicate key '" + key + "'");
      name_ = std::move(key);
      in_metadata_ = name_ == "__metadata__";
      return true;
    }
    if (!fields_.insert(key).second) return refuse("duplicate key '" + key + "'");
    if (!in_metadata_ && key != "dtype" && key != "shape" && key != "data_offsets")
      return refuse("unknown field '" + key + "'");
    field_ = std::move(key);
    return true;
  }

  bool end_object() {
    if (depth_ == 2 && !in_metadata_ && fields_.size() != 3)
      return refuse("needs dtype, shape and data_offsets");
    --depth_;
    return true;
  }

  bool start_array(std::size_t) {
    if (in_array_ || depth_ != 2 || in_metadata_ || field_ == "dtype")
      return refuse("array out of place");
    in_array_ = true;
    numbers_.clear();
    return true;
  }

  bool end_array() {
    in_array_ = false;
    SafetensorsEntry& entry = header_.entries.back();
    if (field_ == "shape") {
      entry.shape.assign(numbers_.begin(), numbers_.end());
      return true;
    }
    if (numbers_.size() != 2) return refuse("data_offsets must be two numbers");
    entry.begin = numbers_[0];
    entry.end = numbers_[1];
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) {
    return refuse("not JSON at header byte " + std::to_string(position));
  }

  const std::string& fault() const { return fault_; }
  SafetensorsHeader take() { return std::move(header_); }

 private:
  bool refuse(std::string why) {
    if (depth_ == 2) why = "tensor '" + name_ + "': " + why;
    if (fault_.empty()) fault_ = std::move(why);
    return false;
  }

  SafetensorsHeader header_;
  std::set<std::string> names_, fields_;
  std::string name_, field_, fault_;
  std::vector<std::uint64_t> numbers_;
  int depth_ = 0;
  bool in_metadata_ = false, in_array_ = false;
};

}  // namespace

Result<SafetensorsHeader> parse_safetensors_header(std::string_view json) {
  const std::size_t last = json.find_last_not_of(' ');
  if (json.empty() || json.front() != '{')
    return fail(ErrorCode::kMalformed, "header does not begin with '{'");
  if (json[last] != '}')
    return fail(ErrorCode::kMalformed, "header has something after its JSON object");
  // nlohmann takes a NUL byte for the end of input, so what follows one would go unseen.
  if (json.find('\0') != std::string_view::npos)
    return fail(ErrorCode::kMalformed, "header has a NUL byte");
  HeaderReader reader;
  if (!Json::sax_parse(json.begin(), json.end(), &reader)) {
    return fail(ErrorCode::kMalformed, reader.fault().empty() ? "header is not JSON" : reader.fault());
  }
  return reader.take();
}

}  // namespace fennec
