# The headers that nearly every file includes, parsed once: a fifth of the time of a cold build. ./dev lint reads the
# sources without it, and so finds the include that a file forgot.
option(HOLDFAST_PRECOMPILED "Precompile the headers that nearly every file includes" ON)

set(HOLDFAST_COMMON_HEADERS
  <algorithm> <array> <charconv> <chrono> <coroutine> <cstdint> <deque> <expected> <filesystem> <functional>
  <map> <memory> <optional> <set> <span> <sstream> <string> <string_view> <unordered_map> <utility> <variant>
  <vector> <fmt/chrono.h> <fmt/format.h> <fmt/ranges.h>)

# holdfast_precompiled(TARGET OWNER [header...]): OWNER precompiles the common headers and these; others use OWNER's.
function(holdfast_precompiled target owner)
  if(NOT HOLDFAST_PRECOMPILED)
    return()
  endif()
  target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")  # so that ccache can answer
  if(target STREQUAL owner)
    target_precompile_headers(${target} PRIVATE ${HOLDFAST_COMMON_HEADERS} ${ARGN})
  else()
    target_precompile_headers(${target} REUSE_FROM ${owner})
  endif()
endfunction()
