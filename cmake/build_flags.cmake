# One target holds what every file of ours is compiled with: warnings, sanitizers, include root.
add_library(build_flags INTERFACE)
target_compile_features(build_flags INTERFACE c_std_11)
target_include_directories(build_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(build_flags INTERFACE
  _GNU_SOURCE
  STAGECOACH_VERSION="${PROJECT_VERSION}"
  # Where shipped files are: in the source tree, and after `cmake --install`.
  STAGECOACH_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
  STAGECOACH_DATA_DIR="${CMAKE_INSTALL_FULL_DATADIR}/stagecoach")
target_compile_options(build_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wformat=2
  $<$<BOOL:${STAGECOACH_WERROR}>:-Werror>
  # -O0 hides warnings that need flow analysis and makes the tests slow. Frame pointers are for sanitizers and profilers.
  "$<$<CONFIG:Debug>:-O1;-fno-omit-frame-pointer>")
target_link_libraries(build_flags INTERFACE Threads::Threads m)

if(STAGECOACH_SANITIZE)
  target_compile_options(build_flags INTERFACE
    -fsanitize=${STAGECOACH_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(build_flags INTERFACE -fsanitize=${STAGECOACH_SANITIZE})
  if(STAGECOACH_SANITIZE MATCHES "thread")
    target_link_options(build_flags INTERFACE LINKER:--undefined=thrd_create) # core/tsan_threads.c
  endif()
endif()

if(STAGECOACH_FUZZ)
  target_compile_options(build_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(build_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(STAGECOACH_LTO)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT lto_works OUTPUT lto_output LANGUAGES C)
  if(lto_works)
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
  else()
    message(STATUS "No link-time optimisation: ${lto_output}")
  endif()
endif()
