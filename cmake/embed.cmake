# holdfast_embed(TARGET FILE NAME HEADER): FILE's bytes as the std::string_view that HEADER declares as
# holdfast::<folder of HEADER>::NAME. A script of its own, so that a changed file is a changed source.
function(holdfast_embed target file name header)
  get_filename_component(folder ${header} DIRECTORY)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/embedded/${name}.cpp)
  add_custom_command(OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DFILE=${PROJECT_SOURCE_DIR}/${file} -DSOURCE=${source} -DNAME=${name}
            -DHEADER=${header} -DNAMESPACE=holdfast::${folder} -P ${PROJECT_SOURCE_DIR}/cmake/embed_file.cmake
    DEPENDS ${PROJECT_SOURCE_DIR}/${file} ${PROJECT_SOURCE_DIR}/cmake/embed_file.cmake
    COMMENT "Embedding ${file}" VERBATIM)
  target_sources(${target} PRIVATE ${source})
endfunction()
