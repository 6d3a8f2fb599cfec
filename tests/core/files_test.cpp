#include "core/files.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmath>
#include <fstream>

#include "core/digest.h"
#include "core/error.h"
#include "core/metrics.h"
#include "core/rng.h"
#include "tests/support/temp_dir.h"

using namespace fennec;  // NOLINT: test

namespace {

std::string gzip(const std::string& text) {
  ::z_stream stream{};
  REQUIRE(::deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(::deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

void put(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::vector<std::string> lines;
  for_each_line(file, [&](std::size_t number, std::string_view text) {
    CHECK(number == lines.size() + 1);
    lines.emplace_back(text);
  });
  return lines;
}

std::size_t files_in(const std::filesystem::path& dir) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(dir), {}));
}

}  // namespace

TEST_CASE("an atomic write replaces the whole file, sets its mode and leaves nothing else") {
  const test::TempDir dir;
  write_file_atomically(dir / "f", "a longer first content", 0600);
  write_file_atomically(dir / "f", "second", 0640);
  CHECK(read_text_file(dir / "f") == "second");
  CHECK(files_in(dir.path()) == 1);
  struct ::stat info {};
  REQUIRE(::stat((dir / "f").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0640);
}

TEST_CASE("a write that fails keeps the old content and says which file") {
  const test::TempDir dir;
  std::filesystem::create_directory(dir / "f");
  put(dir / "f" / "inside", "old");
  CHECK_THROWS_AS(write_file_atomically(dir / "f", "new"), IoError);  // rename over a directory
  CHECK(read_text_file(dir / "f" / "inside") == "old");
  CHECK(files_in(dir.path()) == 1);
  try {
    write_file_atomically(dir / "absent" / "f", "new");
    FAIL("no error");
  } catch (const IoError& e) {
    CHECK(std::string(e.what()).find("absent/f") != std::string::npos);
  }
  CHECK_THROWS_AS(read_text_file(dir / "nothing"), IoError);
  CHECK_THROWS_AS(read_text_file(dir.path()), IoError);
}

TEST_CASE("binary files come back byte for byte, files of unknown size too") {
  const test::TempDir dir;
  std::vector<std::byte> bytes(100001);
  RandomStream stream{Seed(1)};
  for (std::byte& b : bytes) b = std::byte(stream.below(256));
  write_file_atomically(dir / "b", bytes);
  CHECK(read_binary_file(dir / "b") == bytes);
  put(dir / "empty", "");
  CHECK(read_text_file(dir / "empty").empty());
  CHECK(read_text_file("/proc/self/status").find("Pid:") != std::string::npos);
}

TEST_CASE("lines are the same from plain, gzip and many-member gzip files") {
  const test::TempDir dir;
  std::string text, first_half;
  std::vector<std::string> want;
  RandomStream stream{Seed(2)};
  for (int i = 0; i < 3000; ++i) {
    std::string line;
    for (std::uint64_t n = stream.below(i % 100 == 0 ? 3000 : 60); n > 0; --n)
      line += static_cast<char>('a' + stream.below(26));
    want.push_back(line);
    text += line + (i % 3 == 0 ? "\r\n" : "\n");
    if (i == 1500) first_half = text + "";
  }
  text += "last without end";
  want.push_back("last without end");
  put(dir / "plain", text);
  put(dir / "one.gz", gzip(text));
  put(dir / "two.gz", gzip(first_half) + gzip("") + gzip(text.substr(first_half.size())));
  CHECK(lines_of(dir / "plain") == want);
  CHECK(lines_of(dir / "one.gz") == want);
  CHECK(lines_of(dir / "two.gz") == want);
  put(dir / "empty", "");
  CHECK(lines_of(dir / "empty").empty());
  put(dir / "blank", "\n\na\n");
  CHECK(lines_of(dir / "blank") == std::vector<std::string>{"", "", "a"});
}

TEST_CASE("a gzip file cut at any byte is an error, as is a damaged one") {
  const test::TempDir dir;
  const std::string whole = gzip("some text\nof two lines and a bit\n");
  for (std::size_t cut = 2; cut < whole.size(); ++cut) {
    CAPTURE(cut);
    put(dir / "cut.gz", whole.substr(0, cut));
    CHECK_THROWS_AS(lines_of(dir / "cut.gz"), IoError);
  }
  std::string damaged = whole;
  damaged[whole.size() - 6] = static_cast<char>(damaged[whole.size() - 6] ^ 1);  // inside the checksum
  put(dir / "damaged.gz", damaged);
  CHECK_THROWS_AS(lines_of(dir / "damaged.gz"), IoError);
  put(dir / "tail.gz", whole + "rubbish");
  CHECK_THROWS_AS(lines_of(dir / "tail.gz"), IoError);
}

TEST_CASE("SHA-256 gives the published answers, whole, in pieces and from a file") {
  CHECK(to_hex(sha256(std::string_view(""))) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(to_hex(sha256(std::string_view("abc"))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::string text(200000, 'x');
  Sha256 pieces;
  for (std::size_t i = 0; i < text.size(); i += 777)
    pieces.update(std::string_view(text).substr(i, 777));
  const test::TempDir dir;
  put(dir / "x", text);
  const auto whole = sha256(text);
  CHECK(pieces.finish() == whole);
  CHECK(sha256_file(dir / "x") == whole);
  CHECK_THROWS_AS(sha256_file(dir / "y"), IoError);
}

TEST_CASE("metrics are one JSON object a line, and a torn line of a crash is cut off") {
  const test::TempDir dir;
  const auto file = dir / "metrics.jsonl";
  {
    MetricsWriter(file).write(
        {{"round", std::int64_t{1}}, {"loss", 0.5}, {"who", std::string("a\"b")}});
  }
  std::ofstream(file, std::ios::app) << "{\"round\":2,\"lo";
  { MetricsWriter(file).write({{"round", std::int64_t{2}}, {"loss", std::nan("")}}); }
  CHECK(read_text_file(file) ==
        "{\"round\":1,\"loss\":0.5,\"who\":\"a\\\"b\"}\n{\"round\":2,\"loss\":null}\n");
  put(file, "{\"torn");
  { MetricsWriter(file).write({{"round", std::int64_t{3}}}); }
  CHECK(read_text_file(file) == "{\"round\":3}\n");
  CHECK_THROWS_AS(MetricsWriter(dir / "absent" / "m"), IoError);
}
