#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace fennec {

/// A secret text (Z85 key): not copyable, wiped on destruction, never printed.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text);  ///< takes the text and wipes the source
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();
  Secret clone() const;
  const std::string& reveal() const { return text_; }
  bool empty() const { return text_.empty(); }

 private:
  std::string text_;
};

/// A CURVE key pair, Z85 text of 40 characters each.
struct CurveKeyPair {
  std::string public_key;
  Secret secret_key;
};
CurveKeyPair generate_curve_keys();

/// Equality in time independent of where the texts differ.
bool constant_time_equal(std::string_view a, std::string_view b);

/// Key files: one Z85 line, mode 0600; reading refuses a file others can read. Throws IoError.
void write_secret_key(const std::filesystem::path& file, const Secret& secret);
CurveKeyPair read_curve_keys(const std::filesystem::path& secret_file);  ///< derives the public key

/// A secret key file's line, whatever kind of key; refused when others can read the file.
Secret read_secret_key(const std::filesystem::path& file);

/// The 32 bytes of a CURVE key in Z85. Throws IoError.
std::array<std::byte, 32> curve_key_bytes(const std::string& z85);

/// A device's Ed25519 identity (docs/security.md): keys are 64 hex digits.
struct SigningIdentity {
  std::uint32_t uid = 0;  ///< on the roster
  Secret secret_key;
  std::string public_key;
  std::string server_public_key;     ///< what the coordinator signs with
  std::string authority_public_key;  ///< what rosters are signed with
  std::uint64_t roster_epoch = 0;    ///< no older roster is believed
};

/// What a device needs to take part: one JSON file, mode 0600.
struct EnrolmentBundle {
  std::string run_id;
  std::string client;             ///< the enrolled name
  std::string endpoint;           ///< "tcp://coordinator.example:7443"
  std::string server_public_key;  ///< Z85
  CurveKeyPair keys;
  std::string base = {};  ///< where the run's base model is found by default; may be empty
  std::optional<SigningIdentity> signing = {};  ///< absent in bundles of version 1
};
void write_bundle(const std::filesystem::path& file, const EnrolmentBundle& bundle);
EnrolmentBundle read_bundle(
    const std::filesystem::path& file);  ///< throws IoError naming file and field

}  // namespace fennec
