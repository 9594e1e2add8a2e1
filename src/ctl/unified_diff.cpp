#include "ctl/unified_diff.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <unordered_map>
#include <vector>

namespace holdfast::ctl {
namespace {

constexpr std::size_t kContext = 3;

using Lines = std::vector<std::string_view>;

Lines lines_of(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  Lines lines;
  for (;;) {
    const auto end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

// a[a_from, a_to) and b[b_from, b_to); equal to each other or not.
struct Range {
  std::size_t a_from = 0, a_to = 0, b_from = 0, b_to = 0;
  bool equal = false;
};

struct Match {
  std::size_t a = 0, b = 0, size = 0;
};

// Ratcliff and Obershelp: the longest run of equal lines, then the same left and right of it. People read its
// hunks more easily than those of a shortest edit script.
class Matcher {
 public:
  Matcher(const Lines& a, const Lines& b) : a_(a), b_(b) {
    for (std::size_t i = 0; i < b.size(); ++i) places_[b[i]].push_back(i);
  }

  std::vector<Match> matches() {
    std::vector<Match> found;
    collect(0, a_.size(), 0, b_.size(), found);
    return found;
  }

 private:
  // The first of the longest, in the order of a, then of b.
  Match longest(std::size_t a_from, std::size_t a_to, std::size_t b_from, std::size_t b_to) const {
    Match best{a_from, b_from, 0};
    std::unordered_map<std::size_t, std::size_t> ending;  // at a place in b: how long the run is
    for (std::size_t i = a_from; i < a_to; ++i) {
      std::unordered_map<std::size_t, std::size_t> now;
      if (const auto places = places_.find(a_[i]); places != places_.end())
        for (const auto j : places->second) {
          if (j < b_from || j >= b_to) continue;
          const auto before = j > 0 ? ending.find(j - 1) : ending.end();
          const auto size = (before == ending.end() ? 0 : before->second) + 1;
          now[j] = size;
          if (size > best.size) best = {i + 1 - size, j + 1 - size, size};
        }
      ending = std::move(now);
    }
    return best;
  }

  void collect(std::size_t a_from, std::size_t a_to, std::size_t b_from, std::size_t b_to,
               std::vector<Match>& into) const {
    const auto match = longest(a_from, a_to, b_from, b_to);
    if (match.size == 0) return;
    collect(a_from, match.a, b_from, match.b, into);
    into.push_back(match);
    collect(match.a + match.size, a_to, match.b + match.size, b_to, into);
  }

  const Lines& a_;
  const Lines& b_;
  std::unordered_map<std::string_view, std::vector<std::size_t>> places_;
};

std::vector<Range> ranges_of(const Lines& a, const Lines& b) {
  auto matches = Matcher(a, b).matches();
  matches.push_back({a.size(), b.size(), 0});
  std::vector<Range> ranges;
  std::size_t at = 0, bt = 0;
  for (const auto& match : matches) {
    if (at < match.a || bt < match.b) ranges.push_back({at, match.a, bt, match.b, false});
    at = match.a + match.size;
    bt = match.b + match.size;
    if (match.size == 0) continue;
    const bool joins = !ranges.empty() && ranges.back().equal;
    if (joins)
      ranges.back().a_to = at, ranges.back().b_to = bt;
    else
      ranges.push_back({match.a, at, match.b, bt, true});
  }
  return ranges;
}

// Changes with their context; those that are near each other share a hunk.
std::vector<std::vector<Range>> hunks_of(std::vector<Range> ranges) {
  if (ranges.empty()) return {};
  const auto keep_end = [](Range& range) {
    range.a_from = std::max(range.a_from, range.a_to - std::min(range.a_to, kContext));
    range.b_from = std::max(range.b_from, range.b_to - std::min(range.b_to, kContext));
  };
  const auto keep_begin = [](Range& range) {
    range.a_to = std::min(range.a_to, range.a_from + kContext);
    range.b_to = std::min(range.b_to, range.b_from + kContext);
  };
  if (ranges.front().equal) keep_end(ranges.front());
  if (ranges.back().equal) keep_begin(ranges.back());
  std::vector<std::vector<Range>> hunks(1);
  for (auto range : ranges) {
    if (range.equal && range.a_to - range.a_from > 2 * kContext) {
      auto tail = range;
      keep_begin(range);
      hunks.back().push_back(range);
      keep_end(tail);
      hunks.push_back({tail});
      continue;
    }
    hunks.back().push_back(range);
  }
  std::erase_if(hunks, [](const auto& hunk) { return std::ranges::all_of(hunk, &Range::equal); });
  return hunks;
}

std::string place(std::size_t from, std::size_t to) {
  const auto length = to - from;
  if (length == 1) return fmt::format("{}", from + 1);
  return fmt::format("{},{}", length == 0 ? from : from + 1, length);
}

}  // namespace

std::string unified_diff(std::string_view before, std::string_view after, bool colour) {
  const auto a = lines_of(before), b = lines_of(after);
  std::string out;
  const auto line = [&](std::string_view escape, std::string_view sign, std::string_view text) {
    out += colour && !escape.empty() ? fmt::format("\x1b[{}m{}{}\x1b[0m\n", escape, sign, text)
                                     : fmt::format("{}{}\n", sign, text);
  };
  for (const auto& hunk : hunks_of(ranges_of(a, b))) {
    if (out.empty()) {
      line("1", "--- ", "");
      line("1", "+++ ", "");
    }
    const auto& first = hunk.front();
    const auto& last = hunk.back();
    line("36", "",
         fmt::format("@@ -{} +{} @@", place(first.a_from, last.a_to), place(first.b_from, last.b_to)));
    for (const auto& range : hunk) {
      for (auto i = range.a_from; i < range.a_to; ++i)
        range.equal ? line("", " ", a[i]) : line("31", "-", a[i]);
      if (!range.equal)
        for (auto i = range.b_from; i < range.b_to; ++i) line("32", "+", b[i]);
    }
  }
  return out;
}

}  // namespace holdfast::ctl
