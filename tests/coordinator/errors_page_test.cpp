#include <doctest/doctest.h>

#include <regex>
#include <string>

#include "core/files.h"

TEST_CASE("docs/errors.md has one row for every error code, and no other") {
  const std::filesystem::path source = FENNEC_SOURCE;
  const std::string page = fennec::read_text_file(source / "docs/errors.md");
  std::string header = fennec::read_text_file(source / "core/error.h");
  header = header.substr(header.find("enum class ErrorCode"));
  header = header.substr(0, header.find("};"));
  const std::regex code("\\n\\s+(k[A-Za-z]+)");
  int codes = 0;
  for (std::sregex_iterator it(header.begin(), header.end(), code), end; it != end; ++it, ++codes) {
    const std::string row = "\n| `" + (*it)[1].str() + "` |";
    CAPTURE(row);
    CHECK(page.find(row) != std::string::npos);
  }
  CHECK(codes > 5);
  int rows = 0;
  for (std::size_t at = page.find("\n| `k"); at != std::string::npos; at = page.find("\n| `k", at + 1))
    ++rows;
  CHECK(rows == codes);
}
