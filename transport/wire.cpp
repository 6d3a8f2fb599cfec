#include "transport/wire.h"

#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/digest.h"
#include "transport/cbor_check.h"
#include "transport/message_fields.h"

namespace fennec {
namespace {

using nlohmann::json;

/// In the order of the Message variant.
constexpr std::array<const char*, std::variant_size_v<Message>> kTypes = {
    "hello",           "update_offer", "evaluation_report",
    "training_failed", "goodbye",      "ping",
    "welcome",         "round_plan",   "update_accepted",
    "update_rejected", "wait",         "finished",
    "refused",         "pong",         "bulk_request",
    "bulk_chunk",      "secure_ready", "secure_vector",
    "secure_frame"};

constexpr std::array kCodes = {ErrorCode::kTimeout,   ErrorCode::kDisconnected, ErrorCode::kMalformed,
                               ErrorCode::kVersion,   ErrorCode::kNotAdmitted,  ErrorCode::kStale,
                               ErrorCode::kDuplicate, ErrorCode::kNumeric,      ErrorCode::kBudget,
                               ErrorCode::kMismatch,  ErrorCode::kNotFound};

template <class T>
constexpr bool has_protocol = requires(T& m) {
  m.protocol;
};

/// Shortens at a character boundary, so that a long reason never makes a message invalid.
std::string cut(const std::string& text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  std::size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0u) == 0x80u) --end;
  return text.substr(0, end);
}

/// An honest reason may quote an error of several lines: it travels as one.
std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  return text;
}

class HeaderWriter {
 public:
  explicit HeaderWriter(json& out) : out_(out) {}
  void text(const char* name, const std::string& value, std::size_t max) {
    out_[name] = one_line(cut(value, max));
  }
  void lines(const char* name, const std::string& value, std::size_t max) {
    out_[name] = cut(value, max);
  }
  void digest(const char* name, const std::string& value, bool) { out_[name] = value; }
  template <class T>
  void integer(const char* name, const T& value, std::int64_t) {
    out_[name] = value;
  }
  void optional_integer(const char* name, std::int64_t value, std::int64_t) {
    if (value != 0) out_[name] = value;
  }
  void optional_digest(const char* name, const std::string& value) {
    if (!value.empty()) out_[name] = value;
  }
  void word(const char* name, std::uint64_t value) { out_[name] = value; }
  void real(const char* name, double value, double) { out_[name] = value; }
  void metrics(const char* name, const MetricList& list) {
    json rows = json::array();
    for (const auto& [metric, value] : list)
      rows.push_back(json::array({cut(metric, kMaxMetricNameBytes), value}));
    out_[name] = std::move(rows);
  }
  void code(const char* name, ErrorCode value) { out_[name] = std::string(to_string(value)); }
  void kind(const char* name, PlanKind value) {
    out_[name] = value == PlanKind::kTrain ? "train" : "evaluate";
  }

 private:
  json& out_;
};

/// Length of the UTF-8 sequence at `i`, 0 when it is none (overlong forms and surrogates are none).
std::size_t utf8_length(std::string_view s, std::size_t i) {
  const auto byte = [&](std::size_t k) {
    return i + k < s.size() ? static_cast<unsigned char>(s[i + k]) : 0u;
  };
  const auto tail = [&](std::size_t k) { return (byte(k) & 0xC0u) == 0x80u; };
  const unsigned b = byte(0);
  if (b < 0x80) return 1;
  if (b >= 0xC2 && b < 0xE0) return tail(1) ? 2 : 0;
  if (b >= 0xE0 && b < 0xF0) {
    if (!tail(1) || !tail(2) || (b == 0xE0 && byte(1) < 0xA0) || (b == 0xED && byte(1) >= 0xA0))
      return 0;
    return 3;
  }
  if (b >= 0xF0 && b < 0xF5) {
    if (!tail(1) || !tail(2) || !tail(3) || (b == 0xF0 && byte(1) < 0x90) ||
        (b == 0xF4 && byte(1) >= 0x90))
      return 0;
    return 4;
  }
  return 0;
}

/// Valid UTF-8 without control characters: text that may go into a log. Only the experiment has lines.
bool printable(std::string_view s, bool may_have_lines = false) {
  for (std::size_t i = 0; i < s.size();) {
    const auto c = static_cast<unsigned char>(s[i]);
    if (c == 0x7F || (c < 0x20 && !(may_have_lines && (c == '\n' || c == '\t')))) return false;
    const std::size_t n = utf8_length(s, i);
    if (n == 0) return false;
    i += n;
  }
  return true;
}

/// Fills a message from a parsed header; keeps the first fault.
class HeaderReader {
 public:
  explicit HeaderReader(const json& in) : in_(in) {}
  const std::optional<std::string>& fault() const { return fault_; }

  void text(const char* name, std::string& value, std::size_t max, bool may_have_lines = false) {
    const json* field = find(name);
    if (field == nullptr) return;
    if (!field->is_string()) return refuse(name, "is not text");
    const auto& s = field->get_ref<const std::string&>();
    if (s.size() > max) return refuse(name, "is longer than " + std::to_string(max) + " bytes");
    if (!printable(s, may_have_lines)) return refuse(name, "is not printable UTF-8");
    value = s;
  }
  void lines(const char* name, std::string& value, std::size_t max) { text(name, value, max, true); }
  void digest(const char* name, std::string& value, bool may_be_empty) {
    text(name, value, 64);
    if (!fault_ && !is_sha256_hex(value) && !(may_be_empty && value.empty()))
      refuse(name, "is not a SHA-256 in hex");
  }
  template <class T>
  void integer(const char* name, T& value, std::int64_t max) {
    const json* field = find(name);
    if (field == nullptr) return;
    if (!field->is_number_unsigned()) return refuse(name, "is not a whole number from 0");
    const auto n = field->get<std::uint64_t>();
    if (n > static_cast<std::uint64_t>(max)) return refuse(name, "is above " + std::to_string(max));
    value = static_cast<T>(n);
  }
  void optional_integer(const char* name, std::int64_t& value, std::int64_t max) {
    if (in_.contains(name)) integer(name, value, max);
  }
  void optional_digest(const char* name, std::string& value) {
    if (in_.contains(name)) digest(name, value, false);
  }
  void word(const char* name, std::uint64_t& value) {
    const json* field = find(name);
    if (field == nullptr) return;
    if (!field->is_number_unsigned()) return refuse(name, "is not a whole number from 0");
    value = field->get<std::uint64_t>();
  }
  void real(const char* name, double& value, double max) {
    const json* field = find(name);
    if (field == nullptr) return;
    if (!field->is_number()) return refuse(name, "is not a number");
    value = field->get<double>();
    if (!std::isfinite(value) || value < 0 || value > max) refuse(name, "is out of range");
  }
  void metrics(const char* name, MetricList& list) {
    const json* field = find(name);
    if (field == nullptr) return;
    if (!field->is_array()) return refuse(name, "is not a list");
    if (field->size() > kMaxMetrics)
      return refuse(name, "has more than " + std::to_string(kMaxMetrics) + " entries");
    for (const json& row : *field) {
      if (!row.is_array() || row.size() != 2 || !row[0].is_string() || !row[1].is_number())
        return refuse(name, "has an entry that is not [text, number]");
      const auto& metric = row[0].get_ref<const std::string&>();
      const double value = row[1].get<double>();
      if (metric.size() > kMaxMetricNameBytes || !printable(metric))
        return refuse(name, "has an unfit name");
      if (!std::isfinite(value)) return refuse(name, "has a value that is not finite: " + metric);
      list.emplace_back(metric, value);
    }
  }
  void code(const char* name, ErrorCode& value) {
    std::string word;
    text(name, word, kMaxNameBytes);
    if (fault_) return;
    for (const ErrorCode known : kCodes) {
      if (word == to_string(known)) {
        value = known;
        return;
      }
    }
    refuse(name, "is not a known code");
  }
  void kind(const char* name, PlanKind& value) {
    std::string word;
    text(name, word, kMaxNameBytes);
    if (fault_) return;
    if (word != "train" && word != "evaluate") return refuse(name, "is neither train nor evaluate");
    value = word == "train" ? PlanKind::kTrain : PlanKind::kEvaluate;
  }

 private:
  const json* find(const char* name) {
    if (fault_) return nullptr;
    const auto found = in_.find(name);
    if (found != in_.end()) return &*found;
    refuse(name, "is missing");
    return nullptr;
  }
  void refuse(const char* name, const std::string& why) {
    fault_ = std::string("field '") + name + "' " + why;
  }

  const json& in_;
  std::optional<std::string> fault_;
};

template <std::size_t I = 0>
Result<Message> read_message(std::string_view type, const json& header, int protocol) {
  if constexpr (I == std::variant_size_v<Message>) {
    return fail(ErrorCode::kMalformed, "unknown message type");
  } else {
    if (type != kTypes[I]) return read_message<I + 1>(type, header, protocol);
    std::variant_alternative_t<I, Message> message;
    HeaderReader reader(header);
    wire_fields(reader, message);
    if (reader.fault()) return fail(ErrorCode::kMalformed, std::string(type) + ": " + *reader.fault());
    if constexpr (has_protocol<decltype(message)>) message.protocol = protocol;
    return Message(std::move(message));
  }
}

}  // namespace

std::vector<std::byte> encode_header(const Message& message) {
  json header = json::object();
  header["type"] = kTypes[message.index()];
  header["protocol"] = kProtocol;
  std::visit(
      [&header](auto copy) {
        if constexpr (has_protocol<decltype(copy)>) header["protocol"] = copy.protocol;
        HeaderWriter writer(header);
        wire_fields(writer, copy);
      },
      message);
  const std::vector<std::uint8_t> bytes = json::to_cbor(header);
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  return {begin, begin + bytes.size()};
}

Result<Message> decode_header(std::span<const std::byte> bytes) {
  if (bytes.size() > kMaxHeaderBytes)
    return fail(ErrorCode::kMalformed, "header of " + std::to_string(bytes.size()) + " bytes");
  if (const auto fault = find_cbor_fault(bytes))
    return fail(ErrorCode::kMalformed, "header: " + *fault);
  const auto* begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const json header = json::from_cbor(begin, begin + bytes.size(), true, false);
  if (!header.is_object()) return fail(ErrorCode::kMalformed, "header is not a map");
  const auto protocol = header.find("protocol");
  if (protocol == header.end() || !protocol->is_number_unsigned())
    return fail(ErrorCode::kMalformed, "field 'protocol' is missing or not a whole number");
  const auto spoken = protocol->get<std::uint64_t>();
  if (spoken < static_cast<std::uint64_t>(kOldestProtocol) ||
      spoken > static_cast<std::uint64_t>(kProtocol))
    return fail(ErrorCode::kVersion, "protocol " + std::to_string(spoken) + " is not spoken here (" +
                                         std::to_string(kOldestProtocol) + " to " +
                                         std::to_string(kProtocol) + " are)");
  const auto type = header.find("type");
  if (type == header.end() || !type->is_string())
    return fail(ErrorCode::kMalformed, "field 'type' is missing or not text");
  return read_message(type->get_ref<const std::string&>(), header, static_cast<int>(spoken));
}

}  // namespace fennec
