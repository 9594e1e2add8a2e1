# The script behind holdfast_embed().
file(READ ${FILE} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
file(WRITE ${SOURCE} "// Made from ${FILE}.
#include \"${HEADER}\"
namespace ${NAMESPACE} {
namespace {
constexpr unsigned char bytes[] = {${bytes}};
}
const std::string_view ${NAME}(reinterpret_cast<const char*>(bytes), sizeof(bytes));
}
")
