#include "client/adapter_shelf.h"

#include <fmt/format.h>

#include <filesystem>

#include "core/error.h"

namespace fennec {
namespace {

/// "a/b/name/" → "name".
std::string last_name(const std::string& directory) {
  const auto path = std::filesystem::absolute(directory).lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

}  // namespace

void AdapterShelf::add(const std::string& adapter) {
  const std::size_t equals = adapter.find('=');
  const std::string directory = equals == std::string::npos ? adapter : adapter.substr(equals + 1),
                    name =
                        equals == std::string::npos ? last_name(directory) : adapter.substr(0, equals);
  if (name.empty() || name == kBase || adapters_.contains(name))
    throw ConfigError("adapter " + directory + ": the name '" + name +
                      "' is taken; give another as NAME=DIR");
  adapters_.emplace(name, read_peft_directory(directory));
  const std::string before = current_;
  try {
    attach(name);  // an adapter that does not fit is found now, not when it is asked for
  } catch (...) {
    adapters_.erase(name);
    attach(before);
    throw;
  }
  attach(before);
  order_.push_back(name);
}

void AdapterShelf::use(const std::string& name) {
  if (name != kBase && !adapters_.contains(name))
    throw ConfigError(
        fmt::format("unknown adapter '{}'; there are: {}", name, fmt::join(order_, ", ")));
  attach(name);
}

void AdapterShelf::attach(const std::string& name) {
  if (name == current_) return;
  attachment_.reset();
  current_ = kBase;
  if (name == kBase) return;
  PeftAdapter& adapter = adapters_.at(name);
  attachment_ = std::make_unique<AdapterAttachment>(model_, adapter.tensors, adapter.config, false);
  current_ = name;
}

std::vector<std::string> AdapterShelf::names() const { return order_; }

}  // namespace fennec
