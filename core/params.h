#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace fennec {

/// A configuration tree free of any file format: configs/yaml.h reads it, canonical text prints it.
/// Every node remembers where it stood ("file:line") for error messages.
struct Params {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string scalar;                               ///< kScalar: the text as written
  bool quoted = false;                              ///< kScalar: was in quotes, so it is a string
  std::vector<Params> list;                         ///< kList
  std::vector<std::pair<std::string, Params>> map;  ///< kMap, in file order
  std::string where;  ///< "recipes/x.yaml:7"; a map's child has the line of its key

  // Declared, because Clang 14 would generate them while std::pair<…, Params> is still incomplete.
  Params();
  ~Params();
  Params(const Params&);
  Params(Params&&) noexcept;
  Params& operator=(const Params&);
  Params& operator=(Params&&) noexcept;

  const Params* find(std::string_view key) const;
};

/// The closest of `known` within a small edit distance, or "" when nothing is close.
std::string closest_name(std::string_view name, const std::vector<std::string>& known);

/// "unknown <what> 'nam'; did you mean 'name'?; known: name, other".
std::string unknown_name(const std::string& what, std::string_view name,
                         const std::vector<std::string>& known);

// A config struct lists its keys once, beside itself, and everything walks that list:
//
//   struct LoraConfig { int rank = 8; double alpha = 16; };
//   template <class Visitor> void fields(Visitor& v, LoraConfig& c) {
//     v("rank", c.rank, "inner dimension R of the update B·A");
//     v("alpha", c.alpha, "scale numerator: ΔW = alpha/rank · B·A");
//   }
//
// Field types: bool, int, std::int64_t, std::uint64_t, double, std::string, std::vector<std::string>,
// std::vector<int>, std::vector<double>, a struct with fields(), std::vector of such structs, and
// std::vector<std::pair<std::string, std::string>> (an ordered free-form map), the same of doubles.

using StringMap = std::vector<std::pair<std::string, std::string>>;
using NumberMap = std::vector<std::pair<std::string, double>>;

/// Fills a config struct from Params; collects every problem as "where: message" instead of stopping.
class FieldReader {
 public:
  FieldReader(const Params& node, std::string prefix, std::vector<std::string>& errors)
      : node_(node), prefix_(std::move(prefix)), errors_(errors) {}

  void operator()(const char* name, bool& value, const char* doc = "");
  void operator()(const char* name, int& value, const char* doc = "");
  void operator()(const char* name, std::int64_t& value, const char* doc = "");
  void operator()(const char* name, std::uint64_t& value, const char* doc = "");
  void operator()(const char* name, double& value, const char* doc = "");
  void operator()(const char* name, std::string& value, const char* doc = "");
  void operator()(const char* name, std::vector<std::string>& value, const char* doc = "");
  void operator()(const char* name, std::vector<int>& value, const char* doc = "");
  void operator()(const char* name, std::vector<double>& value, const char* doc = "");
  void operator()(const char* name, StringMap& value, const char* doc = "");
  void operator()(const char* name, NumberMap& value, const char* doc = "");
  template <class T>
  void operator()(const char* name, T& value, const char* = "") {
    if (const Params* child = take(name)) read_struct(*child, path(name), value);
  }
  template <class T>
  void operator()(const char* name, std::vector<T>& values, const char* = "") {
    const Params* child = take(name);
    if (child == nullptr || !expect_list(*child, path(name))) return;
    values.clear();
    for (std::size_t i = 0; i < child->list.size(); ++i)
      read_struct(child->list[i], path(name) + "[" + std::to_string(i) + "]", values.emplace_back());
  }

  /// Call after fields(): reports each key of the node that no field took, with a suggestion.
  void finish();

 private:
  template <class T>
  void read_struct(const Params& node, std::string where, T& value) {
    FieldReader reader(node, std::move(where), errors_);
    fields(reader, value);
    reader.finish();
  }
  template <class T>
  void read_map(const char* name, std::vector<std::pair<std::string, T>>& values);
  const Params* take(const char* name);  ///< marks the key as known; null when absent or null
  std::string path(const char* name) const;
  bool expect_list(const Params& node, const std::string& path);

  const Params& node_;
  std::string prefix_;
  std::vector<std::string>& errors_;
  std::vector<std::string> known_;
};

/// Prints a config struct back as canonical text (YAML subset): every key, in declaration order.
class FieldWriter {
 public:
  explicit FieldWriter(std::string& out, int indent = 0) : out_(out), indent_(indent) {}

  void operator()(const char* name, const bool& value, const char* doc = "");
  void operator()(const char* name, const int& value, const char* doc = "");
  void operator()(const char* name, const std::int64_t& value, const char* doc = "");
  void operator()(const char* name, const std::uint64_t& value, const char* doc = "");
  void operator()(const char* name, const double& value, const char* doc = "");
  void operator()(const char* name, const std::string& value, const char* doc = "");
  void operator()(const char* name, const std::vector<std::string>& value, const char* doc = "");
  void operator()(const char* name, const std::vector<int>& value, const char* doc = "");
  void operator()(const char* name, const std::vector<double>& value, const char* doc = "");
  void operator()(const char* name, const StringMap& value, const char* doc = "");
  void operator()(const char* name, const NumberMap& value, const char* doc = "");
  template <class T>
  requires requires(FieldWriter& v, T& c) { fields(v, c); }
  void operator()(const char* name, T& value, const char* = "") {
    begin(name);
    FieldWriter nested(out_, indent_ + 2);
    fields(nested, value);
  }
  template <class T>
  requires requires(FieldWriter& v, T& c) { fields(v, c); }
  void operator()(const char* name, std::vector<T>& values, const char* = "") {
    begin_list(name, values.empty());
    for (T& value : values) {
      begin_item();
      FieldWriter nested(out_, indent_ + 4);
      nested.first_in_item_ = true;
      fields(nested, value);
    }
  }

 private:
  template <class T>
  void write_map(const char* name, const std::vector<std::pair<std::string, T>>& values);
  void begin(const char* name);
  void begin_list(const char* name, bool empty);
  void begin_item();
  void scalar(const char* name, const std::string& text);

  std::string& out_;
  int indent_;
  bool first_in_item_ = false;
};

/// One row of the key reference that --help and the docs print.
struct FieldDoc {
  std::string key, default_value, doc;
};

/// Lists every key of a config struct with its default and meaning.
class FieldLister {
 public:
  explicit FieldLister(std::vector<FieldDoc>& out, std::string prefix = "")
      : out_(out), prefix_(std::move(prefix)) {}
  template <class T>
  void operator()(const char* name, std::vector<T>& values, const char* doc = "") {
    list(name, values, doc);
    if constexpr (requires(FieldLister & v, T & c) { fields(v, c); }) {
      T item;
      FieldLister nested(out_, prefix_ + name + "[].");
      fields(nested, item);
    }
  }
  template <class T>
  void operator()(const char* name, T& value, const char* doc = "") {
    if constexpr (requires(FieldLister & v, T & c) { fields(v, c); }) {
      FieldLister nested(out_, prefix_ + name + ".");
      fields(nested, value);
    } else {
      list(name, value, doc);
    }
  }

 private:
  template <class T>
  void list(const char* name, T& value, const char* doc) {
    std::string text;
    FieldWriter writer(text);
    writer(name, value);
    add(name, text, doc);
  }
  void add(const char* name, const std::string& written, const char* doc);
  std::vector<FieldDoc>& out_;
  std::string prefix_;
};

/// Reads a whole config struct. Errors are appended, one a problem; the struct keeps defaults where
/// unset.
template <class T>
T read_config(const Params& root, std::vector<std::string>& errors) {
  T value;
  FieldReader reader(root, "", errors);
  fields(reader, value);
  reader.finish();
  return value;
}

/// Canonical text of a config struct; equal structs give equal text.
template <class T>
std::string write_config(T value) {
  std::string out;
  FieldWriter writer(out);
  fields(writer, value);
  return out;
}

}  // namespace fennec
