// From text to tree, on yaml-cpp's events. Its own trees are not used: they hide what an alias expands to,
// and YAML::LoadAll never ends on some malformed texts (0.7).
#include <map>
#include <optional>
#include <sstream>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "patroni/yaml_node.hpp"

namespace holdfast::patroni {
namespace {

using base::ErrorKind;

constexpr std::size_t kLargestFile = 1 << 20;
constexpr std::size_t kMostNodes = 100'000;  // aliases can make a small file expand to billions of values
constexpr std::size_t kDeepest = 100;

std::string line_of(const YAML::Mark& mark) { return fmt::format("line {}", mark.line + 1); }

// Builds the tree of one document; what cannot be a configuration is thrown, like yaml-cpp's own errors.
class Builder : public YAML::EventHandler {
 public:
  YamlNode take() { return std::move(result_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    count(mark, 1);
    finish({{.place = line_of(mark)}, mark, anchor, made_ - 1});
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    count(mark, 1);
    const bool quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    finish({{.kind = YamlNode::Kind::scalar, .text = text, .quoted = quoted, .place = line_of(mark)},
            mark,
            anchor,
            made_ - 1});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw YAML::Exception(mark, "an alias inside of what it stands for");
    count(mark, found->second.size);
    finish({found->second.node, mark, 0, made_});
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(YamlNode::Kind::list, mark, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(YamlNode::Kind::map, mark, anchor);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapEnd() override {
    auto& frame = open_.back();
    for (const auto& source : frame.merged) merge(source, frame.value.node);
    end();
  }

 private:
  struct Value {
    YamlNode node;
    YAML::Mark mark;
    YAML::anchor_t anchor = 0;
    std::size_t made_before = 0;
  };
  // A list or map that has begun and not ended.
  struct Frame {
    Value value;
    std::optional<Value> key;      // of a map: the key that waits for its value
    std::vector<YamlNode> merged;  // of a map: what << brings in at its end
  };
  struct Anchored {
    YamlNode node;
    std::size_t size = 0;  // values in it
  };

  void count(const YAML::Mark& mark, std::size_t more) {
    made_ += more;
    if (made_ > kMostNodes || open_.size() > kDeepest)
      throw YAML::Exception(mark, "too many values or levels for a configuration file");
  }

  void begin(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    count(mark, 1);
    open_.push_back({{{.kind = kind, .place = line_of(mark)}, mark, anchor, made_ - 1}, {}, {}});
  }

  void end() {
    auto value = std::move(open_.back().value);
    open_.pop_back();
    finish(std::move(value));
  }

  void finish(Value value) {
    if (value.anchor) anchors_[value.anchor] = {value.node, made_ - value.made_before};
    if (open_.empty()) {
      result_ = std::move(value.node);
      return;
    }
    auto& frame = open_.back();
    if (frame.value.node.kind == YamlNode::Kind::list)
      frame.value.node.list.push_back(std::move(value.node));
    else if (!frame.key)
      frame.key = std::move(value);
    else
      add_entry(frame, *std::exchange(frame.key, std::nullopt), std::move(value.node));
  }

  static void add_entry(Frame& frame, Value key, YamlNode value) {
    if (key.node.kind != YamlNode::Kind::scalar)
      throw YAML::Exception(key.mark, "a key must be a plain word");
    value.place = line_of(key.mark);
    if (key.node.text == "<<" && !key.node.quoted) {
      frame.merged.push_back(std::move(value));
      return;
    }
    if (const auto* first = frame.value.node.find(key.node.text))
      throw YAML::Exception(
          key.mark, fmt::format("the key {} is given twice, first in {}", key.node.text, first->place));
    frame.value.node.map.push_back({std::move(key.node.text), std::move(value)});
  }

  // https://yaml.org/type/merge.html: keys of the map itself win, then those of earlier merged maps.
  static void merge(const YamlNode& source, YamlNode& into) {
    for (const auto& part : source.list) merge(part, into);
    for (const auto& entry : source.map)
      if (!into.find(entry.key)) into.map.push_back(entry);
  }

  YamlNode result_;
  std::vector<Frame> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::size_t made_ = 0;
};

}  // namespace

base::Result<YamlNode> parse_yaml(std::string_view text, std::string_view file_name) {
  if (text.size() > kLargestFile)
    return base::fail(ErrorKind::invalid, "{}: {} bytes are too many for a configuration file", file_name,
                      text.size());
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder;
    parser.HandleNextDocument(builder);
    // Text that no document took would be ignored silently, with all the settings in it.
    if (parser)
      return base::fail(
          ErrorKind::invalid,
          "{}: malformed YAML, or a second document: nothing may follow the end of the first one", file_name);
    return builder.take();
  } catch (const YAML::Exception& error) {
    return base::fail(ErrorKind::invalid, "{}: line {}, column {}: malformed YAML: {}", file_name,
                      error.mark.line + 1, error.mark.column + 1, error.msg);
  } catch (const std::exception& error) {
    return base::fail(ErrorKind::invalid, "{}: malformed YAML: {}", file_name, error.what());
  }
}

}  // namespace holdfast::patroni
