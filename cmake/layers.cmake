# The simulation runs many cluster-hours. What it does not run is compiled more than it is run, so under sanitizers it is
# not optimised: that halves its part of a cold build.
function(holdfast_seldom_run target)
  if(HOLDFAST_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()

# libFuzzer is told which way the code went.
function(holdfast_fuzzed target)
  if(HOLDFAST_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# holdfast_layer(NAME [PARSES | SIMULATED] [USES layer...] [LIBS library...]): the sources of src/NAME as one library.
# SIMULATED: the simulation runs it. PARSES: that, too, and it reads strangers' bytes. A precompiled header serves those
# that are compiled alike.
function(holdfast_layer name)
  cmake_parse_arguments(ARG "PARSES;SIMULATED" "" "USES;LIBS" ${ARGN})
  list(TRANSFORM ARG_USES PREPEND holdfast_)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cpp)
  if(NOT sources)
    add_library(holdfast_${name} INTERFACE)
    target_link_libraries(holdfast_${name} INTERFACE holdfast_options ${ARG_USES} ${ARG_LIBS})
    return()
  endif()
  add_library(holdfast_${name} STATIC ${sources})
  target_link_libraries(holdfast_${name} PUBLIC holdfast_options ${ARG_USES} ${ARG_LIBS})
  if(ARG_PARSES)
    holdfast_fuzzed(holdfast_${name})
    holdfast_precompiled(holdfast_${name} holdfast_base)
  elseif(ARG_SIMULATED)
    holdfast_precompiled(holdfast_${name} holdfast_ha)
  else()
    holdfast_seldom_run(holdfast_${name})
    holdfast_precompiled(holdfast_${name} holdfast_net)
  endif()
endfunction()

# holdfast_program(NAME FOLDER folder USES layer...): an executable from src/FOLDER.
function(holdfast_program name)
  cmake_parse_arguments(ARG "" "FOLDER" "USES" ${ARGN})
  list(TRANSFORM ARG_USES PREPEND holdfast_)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${ARG_FOLDER}/*.cpp)
  if(sources)
    add_executable(${name} ${sources})
    target_link_libraries(${name} PRIVATE holdfast_options ${ARG_USES})
    holdfast_seldom_run(${name})
    holdfast_precompiled(${name} holdfast_net)
  endif()
endfunction()

# holdfast_tests(NAME FOLDER folder USES layer... [LABELS ...]): every *_test.cpp below tests/FOLDER
# as one GoogleTest program, each TEST known to ctest by its own name.
function(holdfast_tests name)
  cmake_parse_arguments(ARG "" "FOLDER" "USES;LIBS;LABELS" ${ARGN})
  list(TRANSFORM ARG_USES PREPEND holdfast_)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${ARG_FOLDER}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE holdfast_options ${ARG_USES} ${ARG_LIBS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE HOLDFAST_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                                             HOLDFAST_BINARY_DIR="${PROJECT_BINARY_DIR}")
  holdfast_seldom_run(${name})
  holdfast_precompiled(${name} unit_tests <gtest/gtest.h> <gmock/gmock.h>)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300 LABELS "${ARG_LABELS}")
endfunction()
