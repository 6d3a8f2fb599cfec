#include "configs/yaml.h"

#include <istream>
#include <streambuf>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "core/error.h"
#include "core/files.h"

namespace fennec {
namespace {

/// Builds Params from yaml-cpp's events, which, unlike its nodes, still show anchors, tags and repeated
/// keys.
class ParamsBuilder final : public YAML::EventHandler {
 public:
  explicit ParamsBuilder(const std::string& where) : where_(where) {}

  Params take() && { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    if (!takes_key(mark, "")) add(node(mark, Params::Kind::kNull));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "aliases (*name) are not supported");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (takes_key(mark, value)) return;
    Params scalar = node(mark, Params::Kind::kScalar);
    scalar.scalar = value;
    scalar.quoted = tag == "!";
    add(std::move(scalar));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    start(mark, tag, anchor, Params::Kind::kList);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    start(mark, tag, anchor, Params::Kind::kMap);
  }
  void OnMapEnd() override { end(); }

  [[noreturn]] void refuse(const YAML::Mark& mark, const std::string& what) const {
    throw ConfigError(place(mark) + ": " + what);
  }

 private:
  struct Open {
    Params node;
    bool has_key = false;  ///< a map that waits for the value of its last key
  };

  std::string place(const YAML::Mark& mark) const {
    return where_ + ":" + std::to_string(mark.line + 1);
  }

  Params node(const YAML::Mark& mark, Params::Kind kind) const {
    Params out;
    out.kind = kind;
    out.where = place(mark);
    return out;
  }
  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) const {
    if (anchor != 0) refuse(mark, "anchors (&name) are not supported");
  }
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
    if (!tag.empty() && tag != "?" && tag != "!") refuse(mark, "tags (" + tag + ") are not supported");
  }

  /// True when the innermost open node is a map that expects a key, which `name` then becomes.
  bool takes_key(const YAML::Mark& mark, const std::string& name) {
    if (open_.empty() || open_.back().node.kind != Params::Kind::kMap || open_.back().has_key)
      return false;
    Open& map = open_.back();
    if (name.empty()) refuse(mark, "empty key");
    if (const Params* first = map.node.find(name))
      refuse(mark, "key '" + name + "' is given twice; first at " + first->where);
    map.node.map.emplace_back(name, node(mark, Params::Kind::kNull));
    map.has_key = true;
    return true;
  }
  void start(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Params::Kind kind) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (takes_key(mark, "")) return;
    open_.push_back({node(mark, kind), false});
  }
  void end() {
    Params done = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(done));
  }
  void add(Params value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == Params::Kind::kList) {
      parent.node.list.push_back(std::move(value));
      return;
    }
    Params& slot = parent.node.map.back().second;
    value.where = slot.where;  // the line of the key: where the operator looks
    slot = std::move(value);
    parent.has_key = false;
  }

  const std::string& where_;
  Params root_;
  std::vector<Open> open_;
};

/// Reads a string_view in place.
class ViewBuffer final : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // a streambuf's get area is never written through
    setg(begin, begin, begin + text.size());
  }
};

Params read_document(std::string_view text, const std::string& where) {
  ViewBuffer buffer(text);
  std::istream in(&buffer);
  YAML::Parser parser(in);
  ParamsBuilder builder(where);
  parser.HandleNextDocument(builder);
  ParamsBuilder second(where);
  if (parser.HandleNextDocument(second))
    throw ConfigError(where + ": holds several documents, expected one");
  Params root = std::move(builder).take();
  if (root.where.empty()) root.where = where + ":1";
  return root;
}

}  // namespace

Params parse_yaml(std::string_view text, const std::string& where) {
  try {
    // yaml-cpp 0.7 takes a quote that is never closed for closed when a line end precedes the end of
    // the text; without the line end it is refused.
    read_document(text.substr(0, text.find_last_not_of(" \t\r\n") + 1), where);
    return read_document(text, where);
  } catch (const YAML::Exception& e) {
    const int line = e.mark.is_null() ? 1 : e.mark.line + 1;
    throw ConfigError(where + ":" + std::to_string(line) + ": " + e.msg);
  }
}

Params load_yaml(const std::filesystem::path& file) {
  return parse_yaml(read_text_file(file), file.string());
}

}  // namespace fennec
