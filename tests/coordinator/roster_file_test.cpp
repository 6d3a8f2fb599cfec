#include "coordinator/roster_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "coordinator/commands.h"
#include "core/digest.h"
#include "core/error.h"
#include "privacy/signing_key_text.h"
#include "tests/coordinator/small_run.h"
#include "tests/support/temp_dir.h"

using namespace fennec;

namespace {

unsigned mode_of(const std::filesystem::path& file) {
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  return status.st_mode & 0777u;
}

struct SmallRun {
  SmallRun() {
    test::write_tiny_base(dir / "base");
    create_run(run, test::small_experiment(dir / "base"));
  }
  EnrolmentBundle enroll(const std::string& name) {
    enroll_client({run.root, dir / name, name});
    return read_bundle(dir / name);
  }
  test::TempDir dir;
  RunDirectory run{dir / "run"};
};

}  // namespace

TEST_CASE("enrolment gives a device a signing identity that the roster vouches for") {
  SmallRun small;
  CHECK(mode_of(small.run.authority_key()) == 0600);
  CHECK(mode_of(small.run.signing_key()) == 0600);
  CHECK(read_roster(small.run).entries.empty());
  const EnrolmentBundle one = small.enroll("one"), two = small.enroll("two");
  REQUIRE((one.signing && two.signing));
  CHECK(one.signing->uid != two.signing->uid);
  CHECK(two.signing->roster_epoch == one.signing->roster_epoch + 1);
  const auto authority = public_key_from_hex(two.signing->authority_public_key);
  REQUIRE(authority);
  const auto roster = open_roster(read_roster_file(small.run), *authority);
  REQUIRE(roster);
  CHECK(roster->epoch == two.signing->roster_epoch);
  for (const EnrolmentBundle* bundle : {&one, &two}) {
    const RosterEntry* entry = roster->find(bundle->signing->uid);
    REQUIRE(entry != nullptr);
    const auto key = signing_key_from_hex(bundle->signing->secret_key.reveal());
    REQUIRE(key);
    CHECK(entry->signing_key == key->public_key());
    CHECK(to_hex(key->public_key()) == bundle->signing->public_key);
    CHECK(entry->curve_key == curve_key_bytes(bundle->keys.public_key));
    CHECK(entry->is_valid_at(entry->not_before + 2 * 24 * 3600));
    CHECK(bundle->signing->server_public_key ==
          to_hex(read_signing_key(small.run.signing_key()).public_key()));
  }
}

TEST_CASE("a revoked device is marked on the next roster") {
  SmallRun small;
  const EnrolmentBundle one = small.enroll("one");
  const std::uint64_t before = read_roster(small.run).epoch;
  revoke_client({small.run.root, "one"});
  const Roster after = read_roster(small.run);
  CHECK(after.epoch == before + 1);
  const RosterEntry* entry = after.find(one.signing->uid);
  REQUIRE(entry != nullptr);
  CHECK_FALSE(entry->is_valid_at(entry->not_before + 2 * 24 * 3600));
  const EnrolmentBundle two = small.enroll("two");
  const std::string printed = roster_text({small.run.root});
  CHECK(printed.find("epoch 3, 2 on the roster") == 0);
  CHECK(printed.find("one") < printed.find("revoked"));
  CHECK(printed.find("valid until") != std::string::npos);
  CHECK(two.signing->uid > one.signing->uid);  // a number is not used again
}

TEST_CASE("without the authority's key nobody is enrolled, and the message names the file") {
  SmallRun small;
  std::filesystem::rename(small.run.authority_key(), small.dir / "elsewhere");
  std::string message;
  try {
    small.enroll("one");
  } catch (const IoError& e) {
    message = e.what();
  }
  CHECK(message.find("authority.key") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(small.dir / "one"));
}
