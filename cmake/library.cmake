# stagecoach_library(NAME SOURCES a.c ... LINKS target ...)
#
# A folder's static library. Without a source yet it is an interface library, so that those who link
# it need not know.
function(stagecoach_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC build_flags ${ARG_LINKS})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE build_flags ${ARG_LINKS})
  endif()
endfunction()
