#pragma once
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace fennec {

/// What went wrong where going wrong is expected: each has an entry in docs/errors.md.
enum class ErrorCode {
  kTimeout,       ///< a deadline passed
  kDisconnected,  ///< the peer went away
  kMalformed,     ///< bytes that do not decode: truncated, oversized, bad digest, wrong layout
  kVersion,       ///< a protocol or file version we do not speak
  kNotAdmitted,   ///< unknown or revoked peer
  kStale,         ///< wrong round or base version
  kDuplicate,     ///< already have a different one
  kNumeric,       ///< NaN or Inf, or a failure inside the tensor library
  kBudget,        ///< time, memory or energy budget exhausted
  kMismatch,      ///< well-formed but not what this run uses (base model, layout, codec)
  kNotFound,      ///< no such thing
};

std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code;
  std::string message;
};

/// Expected failures are values. Same members as std::expected, so it can become an alias of it.
template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

/// The operator's mistake: configuration, command line. Exit code 2.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The machine's or a file's fault: unreadable, malformed, disk full. Exit code 1.
class IoError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Clang 14 has no std::source_location, hence file, line and function one by one.
[[noreturn]] void check_failed(const char* condition, const char* file, int line, const char* function,
                               const std::string& detail);

}  // namespace fennec

/// Our own bug: abort in every build type. `FENNEC_CHECK(cond)` or `FENNEC_CHECK(cond, "detail")`.
#define FENNEC_CHECK(condition, ...)                                                              \
  do {                                                                                            \
    if (!(condition))                                                                             \
      ::fennec::check_failed(#condition, __FILE__, __LINE__, __func__, std::string{__VA_ARGS__}); \
  } while (false)
