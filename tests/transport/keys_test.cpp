#include "transport/keys.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <type_traits>

#include "core/error.h"
#include "core/files.h"
#include "tests/support/temp_dir.h"

using namespace fennec;

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);

namespace {

template <class F>
std::string io_error(F&& f) {
  try {
    f();
  } catch (const IoError& e) {
    return e.what();
  }
  return "";
}
unsigned mode_of(const std::filesystem::path& file) {
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  return status.st_mode & 0777u;
}

}  // namespace

TEST_CASE("key files are private and give the pair back") {
  const test::TempDir dir;
  const CurveKeyPair keys = generate_curve_keys();
  CHECK(keys.public_key.size() == 40);
  CHECK(generate_curve_keys().public_key != keys.public_key);
  write_secret_key(dir / "k", keys.secret_key);
  CHECK(mode_of(dir / "k") == 0600);
  const CurveKeyPair read = read_curve_keys(dir / "k");
  CHECK(read.public_key == keys.public_key);
  CHECK(constant_time_equal(read.secret_key.reveal(), keys.secret_key.reveal()));
  ::chmod((dir / "k").c_str(), 0644);
  CHECK(io_error([&] { read_curve_keys(dir / "k"); }).find("chmod 600") != std::string::npos);
  write_file_atomically(dir / "bad", std::string_view("not a key\n"), 0600);
  CHECK(io_error([&] { read_curve_keys(dir / "bad"); }).find("bad") != std::string::npos);
}

TEST_CASE("a bundle is private, complete and consistent") {
  const test::TempDir dir;
  EnrolmentBundle bundle{"run", "pump-1", "tcp://h:1", generate_curve_keys().public_key,
                         generate_curve_keys()};
  write_bundle(dir / "b.json", bundle);
  CHECK(mode_of(dir / "b.json") == 0600);
  const EnrolmentBundle read = read_bundle(dir / "b.json");
  CHECK(read.client == "pump-1");
  CHECK(read.endpoint == "tcp://h:1");
  CHECK(read.server_public_key == bundle.server_public_key);
  CHECK(read.keys.secret_key.reveal() == bundle.keys.secret_key.reveal());

  bundle.keys.public_key = generate_curve_keys().public_key;
  write_bundle(dir / "b.json", bundle);
  CHECK(io_error([&] { read_bundle(dir / "b.json"); }).find("'public_key'") != std::string::npos);
  bundle.run_id.clear();
  write_bundle(dir / "b.json", bundle);
  CHECK(io_error([&] { read_bundle(dir / "b.json"); }).find("'run_id'") != std::string::npos);
}

TEST_CASE("a moved secret leaves nothing behind") {
  Secret a(std::string("0123456789012345678901234567890123456789"));
  const Secret b = std::move(a);
  CHECK(a.empty());
  CHECK(b.reveal().size() == 40);
  CHECK(constant_time_equal("abc", "abc"));
  CHECK_FALSE(constant_time_equal("abc", "abd"));
  CHECK_FALSE(constant_time_equal("abc", "ab"));
}

TEST_CASE("a bundle with a signing identity comes back whole; one without is read as before") {
  const test::TempDir dir;
  EnrolmentBundle bundle{"run", "pump-1", "tcp://h:1", generate_curve_keys().public_key,
                         generate_curve_keys()};
  write_bundle(dir / "old", bundle);
  CHECK_FALSE(read_bundle(dir / "old").signing);
  const std::string hex(64, 'a');
  bundle.signing =
      SigningIdentity{9, Secret(std::string(hex)), hex, std::string(64, 'b'), std::string(64, 'c'), 5};
  write_bundle(dir / "new", bundle);
  CHECK(mode_of(dir / "new") == 0600);
  const EnrolmentBundle read = read_bundle(dir / "new");
  REQUIRE(read.signing);
  CHECK(read.signing->uid == 9);
  CHECK(read.signing->secret_key.reveal() == hex);
  CHECK(read.signing->server_public_key == std::string(64, 'b'));
  CHECK(read.signing->authority_public_key == std::string(64, 'c'));
  CHECK(read.signing->roster_epoch == 5);

  const auto broken = [&](const std::string& from, const std::string& to) {
    std::string text = read_text_file(dir / "new");
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    write_file_atomically(dir / "broken", std::string_view(text.replace(at, from.size(), to)), 0600);
    return io_error([&] { read_bundle(dir / "broken"); });
  };
  CHECK(broken("\"uid\": 9", "\"uid\": -9").find("signing.uid") != std::string::npos);
  CHECK(broken(std::string(64, 'b'), "b").find("signing.server_public_key") != std::string::npos);
  CHECK(broken("\"version\": 2", "\"version\": 7").find("version 7") != std::string::npos);
}
