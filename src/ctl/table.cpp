#include "ctl/table.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <string_view>

#include "ctl/yaml_text.hpp"
#include "patroni/json_text.hpp"

namespace holdfast::ctl {
namespace {

namespace json = boost::json;

std::string cell_text(const json::value& value, YamlLayout layout) {
  if (auto text = patroni::scalar_text(value)) return *text;
  if (value.is_null()) return "None";
  auto text = to_yaml(value, layout);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (;;) {
    const auto end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

// Characters, not bytes: all but the continuation bytes of UTF-8.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

using Cell = std::vector<std::string>;

class PrettyTable {
 public:
  PrettyTable(const Table& table, YamlLayout layout) : table_(table) {
    for (const auto& column : table.columns) widths_.push_back(width_of(column));
    for (const auto& row : table.rows) {
      auto& cells = cells_.emplace_back();
      for (const auto& value : row) cells.push_back(lines_of(cell_text(value, layout)));
      for (std::size_t i = 0; i < cells.size(); ++i)
        for (const auto& line : cells[i]) widths_[i] = std::max(widths_[i], width_of(line));
      for (const auto& cell : cells) any_tall_ |= cell.size() > 1;
    }
  }

  std::string render() const {
    std::string out = titled_rule() + "\n";
    std::vector<Cell> header;
    for (const auto& column : table_.columns) header.push_back({column});
    out += row_text(header) + rule() + "\n";
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      out += row_text(cells_[i]);
      // Rows of several lines could not be told apart without rules between them.
      if (any_tall_ && i + 1 < cells_.size()) out += rule() + "\n";
    }
    return out + rule() + "\n";
  }

 private:
  std::string rule() const {
    std::string line = "+";
    for (const auto width : widths_) line.append(width + 2, '-') += '+';
    return line;
  }

  // The title lies over the rule and never beyond its end.
  std::string titled_rule() const {
    auto line = rule();
    const auto shown = table_.title.substr(0, line.size() - 2);
    const auto covered = std::min(width_of(shown), line.size() - 2);
    return line.substr(0, 1) + shown + line.substr(1 + covered);
  }

  std::string row_text(const std::vector<Cell>& cells) const {
    std::size_t height = 1;
    for (const auto& cell : cells) height = std::max(height, cell.size());
    std::string out;
    for (std::size_t line = 0; line < height; ++line) {
      out += '|';
      for (std::size_t i = 0; i < cells.size(); ++i) {
        const auto text = line < cells[i].size() ? cells[i][line] : std::string();
        const std::string padding(widths_[i] - width_of(text), ' ');
        const bool right = table_.right_aligned.contains(table_.columns[i]);
        out += " " + (right ? padding + text : text + padding) + " |";
      }
      out += '\n';
    }
    return out;
  }

  const Table& table_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<Cell>> cells_;
  bool any_tall_ = false;
};

std::string render_tsv(const Table& table, std::string_view delimiter) {
  std::string out;
  const auto add = [&](std::string_view text, bool first) {
    out.append(first ? "" : delimiter).append(text);
  };
  for (std::size_t i = 0; table.header && i < table.columns.size(); ++i) add(table.columns[i], i == 0);
  if (table.header) out += '\n';
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) add(cell_text(row[i], YamlLayout::flow), i == 0);
    out += '\n';
  }
  return out;
}

json::array as_objects(const Table& table) {
  json::array out;
  for (const auto& row : table.rows) {
    json::object object;
    for (std::size_t i = 0; table.header && i < row.size(); ++i)
      if (!table.omit_empty || row[i] != "") object[table.columns[i]] = row[i];
    out.push_back(std::move(object));
  }
  return out;
}

}  // namespace

std::string render(const Table& table, Format format, std::string_view delimiter) {
  switch (format) {
    case Format::pretty:
      return PrettyTable(table, YamlLayout::block).render();
    case Format::topology:
      return PrettyTable(table, YamlLayout::flow).render();
    case Format::tsv:
      return render_tsv(table, delimiter);
    case Format::json:
      return patroni::to_json_text(as_objects(table), patroni::JsonLayout::spaced) + "\n";
    case Format::yaml:
      return to_yaml(as_objects(table)) + "\n";
  }
  return {};
}

}  // namespace holdfast::ctl
