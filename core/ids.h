#pragma once
#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace fennec {

/// An enrolled device's name, as authenticated by the transport (never what a message claims).
struct ClientId {
  std::string name;
  auto operator<=>(const ClientId&) const = default;
};

/// Index of a federated round, from 1. Round 0 is "before the first".
struct RoundId {
  std::int64_t value = 0;
  auto operator<=>(const RoundId&) const = default;
};

/// Version of the global adapter: version v is what committing v training rounds made. 0 is the seeded
/// start.
struct AdapterVersion {
  std::int64_t value = 0;
  auto operator<=>(const AdapterVersion&) const = default;
};

}  // namespace fennec

template <>
struct std::hash<fennec::ClientId> {
  std::size_t operator()(const fennec::ClientId& id) const noexcept {
    return std::hash<std::string>{}(id.name);
  }
};
