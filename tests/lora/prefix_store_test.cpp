#include "lora/prefix_store.h"

#include <doctest/doctest.h>

#include <atomic>
#include <fstream>
#include <thread>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "tests/support/temp_dir.h"

using namespace fennec;  // NOLINT: test
namespace fs = std::filesystem;

namespace {

const std::string kIdentity = to_hex(sha256(std::string_view("a base"))),
                  kOther = to_hex(sha256(std::string_view("another base")));

PrefixStore::Key key(int i) { return sha256("example " + std::to_string(i)); }

PrefixStore::Bytes bytes(int i, std::size_t size = 1000) {
  return std::make_shared<const std::vector<std::byte>>(size, static_cast<std::byte>(i));
}

bool has(PrefixStore& store, int i, std::size_t size = 1000) {
  const auto found = store.find(key(i), size);
  if (found == nullptr) return false;
  CHECK((*found == *bytes(i, size)));
  return true;
}

std::unique_ptr<PrefixStore> on_disk(const fs::path& dir, std::size_t max = 1 << 20) {
  return make_disk_prefix_store(dir, kIdentity, max);
}

/// Every kind of store, with room for `max` bytes.
template <class Law>
void for_each_store(std::size_t max, const Law& law) {
  SUBCASE("memory") {
    const auto store = make_memory_prefix_store(max);
    law(*store);
  }
  SUBCASE("disk") {
    const test::TempDir dir;
    const auto store = on_disk(dir / "cache", max);
    law(*store);
  }
}

fs::path file_of(const fs::path& dir, int i) {
  return dir / kIdentity / (to_hex(key(i)) + ".safetensors");
}

void put(const fs::path& file, std::span<const std::byte> content) {
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(content.data()),
             static_cast<std::streamsize>(content.size()));
}

}  // namespace

TEST_CASE("prefix store: what was kept is found, and nothing else") {
  for_each_store(1 << 20, [](PrefixStore& store) {
    CHECK_FALSE(has(store, 1));
    CHECK(store.bytes() == 0);
    store.keep(key(1), bytes(1));
    store.keep(key(2), bytes(2, 50));
    CHECK(has(store, 1));
    CHECK(has(store, 2, 50));
    CHECK_FALSE(has(store, 3));
    store.keep(key(2), bytes(7, 50));  // the first stays
    CHECK(has(store, 2, 50));
    store.retain({key(2), key(3)});
    CHECK_FALSE(has(store, 1));
    CHECK(has(store, 2, 50));
    store.keep(key(1), bytes(1));
    CHECK(has(store, 1));
    store.retain({});
    CHECK(store.bytes() == 0);
  });
}

TEST_CASE("prefix store: bytes of another size than expected are as good as none") {
  for_each_store(1 << 20, [](PrefixStore& store) {
    store.keep(key(1), bytes(1, 100));
    CHECK(store.find(key(1), 99) == nullptr);
  });
}

TEST_CASE("prefix store: never more than the limit, and what came first stays") {
  for_each_store(10'000, [](PrefixStore& store) {
    store.keep(key(99), bytes(9, 20'000));
    CHECK(store.bytes() == 0);
    int kept = 0;
    for (int i = 0; i < 20; ++i) {
      store.keep(key(i), bytes(i));
      CHECK(store.bytes() <= 10'000);
      kept += has(store, i) ? 1 : 0;
    }
    CHECK(kept >= 6);
    CHECK(kept <= 10);
    CHECK(has(store, 0));
    CHECK_FALSE(has(store, 19));
  });
}

TEST_CASE("prefix store: any thread") {
  for_each_store(1 << 20, [](PrefixStore& store) {
    std::atomic<int> found = 0;
    {
      std::vector<std::jthread> threads;
      for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
          for (int i = 0; i < 40; ++i) {
            if (store.find(key(i), 100) != nullptr) ++found;
            store.keep(key(i), bytes(i, 100));
          }
        });
    }
    CHECK(found <= 3 * 40);
    for (int i = 0; i < 40; ++i) CHECK(has(store, i, 100));
  });
}

TEST_CASE("prefix store on disk: another process finds it, and keeps within its own limit") {
  const test::TempDir dir;
  {
    const auto store = on_disk(dir / "cache");
    for (int i = 0; i < 5; ++i) store->keep(key(i), bytes(i));
  }
  CHECK((fs::status(file_of(dir / "cache", 0)).permissions() & fs::perms::mask) ==
        (fs::perms::owner_read | fs::perms::owner_write));
  CHECK((fs::status(dir / "cache").permissions() & fs::perms::mask) == fs::perms::owner_all);
  const auto again = on_disk(dir / "cache");
  CHECK(again->bytes() > 5000);
  for (int i = 0; i < 5; ++i) CHECK(has(*again, i));
  const auto smaller = on_disk(dir / "cache", 3'000);
  CHECK(smaller->bytes() <= 3'000);
  int left = 0;
  for (int i = 0; i < 5; ++i) left += fs::exists(file_of(dir / "cache", i)) ? 1 : 0;
  CHECK(left == 2);
}

TEST_CASE("prefix store on disk: what an earlier process left and nobody asks for makes room") {
  const test::TempDir dir;
  {
    const auto store = on_disk(dir.path(), 5'000);
    for (int i = 0; i < 3; ++i) store->keep(key(i), bytes(i));
  }
  const auto store = on_disk(dir.path(), 5'000);
  CHECK(has(*store, 0));
  for (int i = 10; i < 20; ++i) {
    store->keep(key(i), bytes(i));
    CHECK(store->bytes() <= 5'000);
  }
  CHECK(has(*store, 0));
  CHECK(has(*store, 10));
  CHECK(has(*store, 11));
  for (const int gone : {1, 2, 12, 19}) CHECK_FALSE(has(*store, gone));
}

TEST_CASE("prefix store on disk: of another identity nothing is found, and nothing stays") {
  const test::TempDir dir;
  on_disk(dir.path())->keep(key(1), bytes(1));
  write_file_atomically(dir / "notes.txt", "not ours");
  write_file_atomically(dir.path() / kIdentity / "mine.safetensors", "not ours");
  const auto other = make_disk_prefix_store(dir.path(), kOther, 1 << 20);
  CHECK_FALSE(has(*other, 1));
  CHECK_FALSE(fs::exists(file_of(dir.path(), 1)));
  CHECK(fs::exists(dir / "notes.txt"));
  CHECK(fs::exists(dir.path() / kIdentity / "mine.safetensors"));
  other->keep(key(1), bytes(1));
  remove_prefix_store(dir.path());
  CHECK_FALSE(fs::exists(dir.path() / kOther));
  CHECK(fs::exists(dir / "notes.txt"));
  remove_prefix_store(dir / "absent");
}

TEST_CASE("prefix store on disk: a file cut short anywhere, or with any bit turned, is not believed") {
  log::configure(log::Level::kError);
  const test::TempDir dir;
  on_disk(dir.path())->keep(key(1), bytes(1, 40));
  const fs::path file = file_of(dir.path(), 1);
  const auto whole = read_binary_file(file);
  const auto is_refused = [&](std::span<const std::byte> content) {
    put(file, content);
    const auto store = on_disk(dir.path());
    const auto found = store->find(key(1), 40);
    if (found != nullptr) return *found == *bytes(1, 40) ? 0 : -1;
    CHECK_FALSE(fs::exists(file));
    return 1;
  };
  for (std::size_t cut = 0; cut < whole.size(); ++cut)
    CHECK(is_refused(std::span(whole).first(cut)) == 1);
  int refused = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto turned = whole;
    turned[i] ^= std::byte{1};
    const int answer = is_refused(turned);
    CHECK(answer >= 0);  // never other bytes
    refused += answer;
  }
  CHECK(refused >
        static_cast<int>(whole.size()) * 3 / 4);  // the rest are spaces and names of the header
  on_disk(dir / "b")->keep(key(2), bytes(2, 40));
  put(file, read_binary_file(file_of(dir / "b", 2)));
  CHECK_FALSE(has(*on_disk(dir.path()), 1, 40));  // another example's under this name
  log::configure(log::Level::kInfo);
}

TEST_CASE(
    "prefix store on disk: a write that never ended is cleared away, and a full disk is no error") {
  log::configure(log::Level::kError);
  const test::TempDir dir;
  on_disk(dir / "cache")->keep(key(1), bytes(1));
  const fs::path unfinished =
      dir / "cache" / kIdentity / ("." + to_hex(key(2)) + ".safetensors.a1B2c3");
  write_file_atomically(unfinished, "half");
  const auto store = on_disk(dir / "cache");
  CHECK_FALSE(fs::exists(unfinished));
  CHECK(has(*store, 1));
  fs::remove_all(dir / "cache");  // as bad as full
  const std::size_t before = store->bytes();
  store->keep(key(3), bytes(3));
  store->keep(key(4), bytes(4));
  CHECK(store->bytes() == before);
  CHECK_FALSE(has(*store, 3));
  CHECK_FALSE(has(*store, 1));
  CHECK(store->bytes() == 0);
  write_file_atomically(dir / "file", "x");
  CHECK_THROWS_AS(on_disk(dir / "file"), IoError);
  log::configure(log::Level::kInfo);
}

TEST_CASE("prefix store: made as the configuration says") {
  const test::TempDir dir;
  const auto make = [&](const char* store) {
    return make_prefix_store({store, "fp32", 1}, dir / "c", [] { return kIdentity; });
  };
  CHECK(make("none") == nullptr);
  const auto disk = make("disk");
  disk->keep(key(1), bytes(1));
  CHECK(fs::exists(file_of(dir / "c", 1)));
  disk->keep(key(2), bytes(2, 1'000'000));  // with its header more than 1 MB
  CHECK_FALSE(has(*disk, 2, 1'000'000));
  const auto memory = make("memory");  // the run keeps nothing on disk any more
  CHECK_FALSE(fs::exists(dir / "c"));
  memory->keep(key(2), bytes(2, 1'000'000));
  CHECK(has(*memory, 2, 1'000'000));
  CHECK_THROWS_AS(make("cloud"), ConfigError);
}
