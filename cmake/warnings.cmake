add_library(holdfast_options INTERFACE)
target_compile_options(holdfast_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wold-style-cast -Wcast-align -Wnull-dereference -Wimplicit-fallthrough
  -Wno-missing-field-initializers  # designated initializers leave the rest at their defaults on purpose
  -Werror -fno-omit-frame-pointer)
target_include_directories(holdfast_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(holdfast_options INTERFACE HOLDFAST_VERSION="${PROJECT_VERSION}")

if(HOLDFAST_SANITIZE)
  # The checks of each pointer cost a quarter of the build; a null or wild pointer stops AddressSanitizer as well.
  target_compile_options(holdfast_options INTERFACE -fsanitize=${HOLDFAST_SANITIZE} -fno-sanitize-recover=all
                                                    -fno-sanitize=null,alignment,object-size)
  target_link_options(holdfast_options INTERFACE -fsanitize=${HOLDFAST_SANITIZE})
endif()
