#include "transport/keys.h"

#include <sys/stat.h>
#include <zmq.h>

#include <array>
#include <limits>
#include <utility>

#include <openssl/crypto.h>
#include <nlohmann/json.hpp>

#include "core/digest.h"
#include "core/error.h"
#include "core/files.h"

namespace fennec {
namespace {

constexpr std::size_t kZ85Key = 40;

void wipe(std::string& text) {
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

bool is_key(std::string_view text) {
  std::array<std::uint8_t, 32> raw{};
  if (text.size() != kZ85Key || text.find_first_of(" \r\n\t\"\\") != std::string_view::npos)
    return false;
  const bool decodes = zmq_z85_decode(raw.data(), std::string(text).c_str()) != nullptr;
  OPENSSL_cleanse(raw.data(), raw.size());
  return decodes;
}

/// A private file: nobody but its owner may read or write it.
std::string read_private_file(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) == 0 && (status.st_mode & 077u) != 0)
    throw IoError(file.string() + ": holds a secret key but others may read it; run: chmod 600 " +
                  file.string());
  return read_text_file(file);
}

std::string public_key_of(const Secret& secret, const std::filesystem::path& file) {
  std::array<char, kZ85Key + 1> text{};
  if (!is_key(secret.reveal()) || zmq_curve_public(text.data(), secret.reveal().c_str()) != 0)
    throw IoError(file.string() + ": not a CURVE secret key (one line of 40 Z85 characters)");
  return {text.data(), kZ85Key};
}

constexpr int kBundleVersion = 2;  // 2: with a signing identity

std::string text_field(const nlohmann::json& json, const char* name,
                       const std::filesystem::path& file) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string() || found->get_ref<const std::string&>().empty())
    throw IoError(file.string() + ": field '" + name +
                  "' is missing or not text; enrol the device again for a new bundle");
  return found->get<std::string>();
}

std::string hex_key(const nlohmann::json& json, const char* name, const std::filesystem::path& file) {
  std::string key = text_field(json, name, file);
  if (!is_sha256_hex(key))
    throw IoError(file.string() + ": field 'signing." + name + "' is not a key of 64 hex digits");
  return key;
}

template <class T>
T number_field(const nlohmann::json& json, const char* name, const std::filesystem::path& file) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number_unsigned() ||
      found->get<std::uint64_t>() > std::numeric_limits<T>::max())
    throw IoError(file.string() + ": field 'signing." + name + "' is missing or not a whole number");
  return found->get<T>();
}

SigningIdentity read_signing(nlohmann::json& json, const std::filesystem::path& file) {
  SigningIdentity signing;
  signing.uid = number_field<std::uint32_t>(json, "uid", file);
  signing.secret_key = Secret(hex_key(json, "secret_key", file));
  wipe(json["secret_key"].get_ref<std::string&>());
  signing.public_key = hex_key(json, "public_key", file);
  signing.server_public_key = hex_key(json, "server_public_key", file);
  signing.authority_public_key = hex_key(json, "authority_public_key", file);
  signing.roster_epoch = number_field<std::uint64_t>(json, "roster_epoch", file);
  return signing;
}

}  // namespace

Secret::Secret(std::string text) : text_(std::move(text)) { wipe(text); }
Secret::Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { wipe(other.text_); }
Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe(text_);
    text_ = std::move(other.text_);
    wipe(other.text_);
  }
  return *this;
}
Secret::~Secret() { wipe(text_); }
Secret Secret::clone() const { return Secret(std::string(text_)); }

CurveKeyPair generate_curve_keys() {
  std::array<char, kZ85Key + 1> public_key{}, secret_key{};
  if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0)
    throw IoError("this libzmq was built without CURVE; install one linked to libsodium");
  CurveKeyPair keys{{public_key.data(), kZ85Key}, Secret(std::string(secret_key.data(), kZ85Key))};
  OPENSSL_cleanse(secret_key.data(), secret_key.size());
  return keys;
}

bool constant_time_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void write_secret_key(const std::filesystem::path& file, const Secret& secret) {
  const Secret line(secret.reveal() + "\n");
  write_file_atomically(file, std::string_view(line.reveal()), 0600);
}

Secret read_secret_key(const std::filesystem::path& file) {
  std::string text = read_private_file(file);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return Secret(std::move(text));
}

std::array<std::byte, 32> curve_key_bytes(const std::string& z85) {
  std::array<std::byte, 32> bytes{};
  if (!is_key(z85)) throw IoError("not a CURVE key of 40 Z85 characters");
  zmq_z85_decode(reinterpret_cast<std::uint8_t*>(bytes.data()), z85.c_str());
  return bytes;
}

CurveKeyPair read_curve_keys(const std::filesystem::path& secret_file) {
  Secret secret = read_secret_key(secret_file);
  std::string public_key = public_key_of(secret, secret_file);
  return {std::move(public_key), std::move(secret)};
}

void write_bundle(const std::filesystem::path& file, const EnrolmentBundle& bundle) {
  nlohmann::ordered_json json = {{"version", bundle.signing ? kBundleVersion : 1},
                                 {"run_id", bundle.run_id},
                                 {"client", bundle.client},
                                 {"endpoint", bundle.endpoint},
                                 {"base", bundle.base},
                                 {"server_public_key", bundle.server_public_key},
                                 {"public_key", bundle.keys.public_key},
                                 {"secret_key", bundle.keys.secret_key.reveal()}};
  if (const auto& signing = bundle.signing)
    json["signing"] = {{"uid", signing->uid},
                       {"public_key", signing->public_key},
                       {"secret_key", signing->secret_key.reveal()},
                       {"server_public_key", signing->server_public_key},
                       {"authority_public_key", signing->authority_public_key},
                       {"roster_epoch", signing->roster_epoch}};
  std::string dump = json.dump(2);
  wipe(json["secret_key"].get_ref<std::string&>());
  if (bundle.signing) wipe(json["signing"]["secret_key"].get_ref<std::string&>());
  const Secret text(dump + "\n");
  wipe(dump);
  write_file_atomically(file, std::string_view(text.reveal()), 0600);
}

EnrolmentBundle read_bundle(const std::filesystem::path& file) {
  const Secret text(read_private_file(file));
  auto json = nlohmann::json::parse(text.reveal(), nullptr, false);
  if (!json.is_object()) throw IoError(file.string() + ": not an enrolment bundle (a JSON object)");
  if (const auto version = json.value("version", nlohmann::json(1));
      version != 1 && version != kBundleVersion)
    throw IoError(file.string() + ": a bundle of version " + version.dump() +
                  ", this program reads up to " + std::to_string(kBundleVersion));
  EnrolmentBundle bundle;
  bundle.run_id = text_field(json, "run_id", file);
  bundle.client = text_field(json, "client", file);
  bundle.endpoint = text_field(json, "endpoint", file);
  bundle.base = json.value("base", "");
  bundle.server_public_key = text_field(json, "server_public_key", file);
  if (!is_key(bundle.server_public_key))
    throw IoError(file.string() +
                  ": field 'server_public_key' is not a CURVE key of 40 Z85 characters");
  bundle.keys.secret_key = Secret(text_field(json, "secret_key", file));
  wipe(json["secret_key"].get_ref<std::string&>());
  bundle.keys.public_key = public_key_of(bundle.keys.secret_key, file);
  if (bundle.keys.public_key != text_field(json, "public_key", file))
    throw IoError(file.string() + ": field 'public_key' does not belong to 'secret_key'");
  if (const auto signing = json.find("signing"); signing != json.end()) {
    if (!signing->is_object()) throw IoError(file.string() + ": field 'signing' is not an object");
    bundle.signing = read_signing(*signing, file);
  }
  return bundle;
}

}  // namespace fennec
