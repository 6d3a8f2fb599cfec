#pragma once
#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/adapter_fetch.h"

namespace fennec::test {

/// What comes of a transfer under way when these are served.
inline std::optional<ParameterSet> fetched(
    AdapterFetch& fetch, const std::map<std::string, std::vector<std::byte>>& served) {
  std::optional<BulkRequest> request = fetch.request();
  std::optional<ParameterSet> adapter;
  while (request) {
    REQUIRE(served.contains(request->transfer));
    const BulkSender sender(request->transfer, served.at(request->transfer), 100);
    std::vector<Frame> frames;
    REQUIRE(sender.answer(*request, [&](Frame frame) {
      frames.push_back(std::move(frame));
      return true;
    }));
    request.reset();
    for (const Frame& frame : frames) {
      auto progress = fetch.accept(std::get<BulkChunk>(frame.message), frame.payload);
      REQUIRE(progress);
      if (progress->request) request = progress->request;
      if (progress->adapter) adapter = std::move(progress->adapter);
    }
  }
  return adapter;
}

}  // namespace fennec::test
