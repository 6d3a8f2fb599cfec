# Language level, warnings and sanitizers of our own code; third-party headers are SYSTEM and stay silent.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
find_program(CCACHE ccache)
if(CCACHE)  # by the dependencies the compiler writes: a first build does not preprocess everything twice
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_DEPEND=1 CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()
find_program(FENNEC_GOLD ld.gold)
if(FENNEC_GOLD AND NOT FENNEC_SANITIZE)
  add_link_options(-fuse-ld=gold)
endif()

add_library(fennec_warnings INTERFACE)
target_compile_options(fennec_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms on std::string + (GCC bugs 105329, 105651), more of them once <string> comes precompiled.
  target_compile_options(fennec_warnings INTERFACE
    -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()
if(FENNEC_UNITY AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # takes the sources of a unity for headers
  target_compile_options(fennec_warnings INTERFACE -Wno-subobject-linkage)
endif()
if(FENNEC_SANITIZE)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # false alarms inside std::regex once it is instrumented
    target_compile_options(fennec_warnings INTERFACE -Wno-maybe-uninitialized)
  endif()
  if(FENNEC_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # Boost.Asio fences after its atomics
    target_compile_options(fennec_warnings INTERFACE -Wno-tsan)
  endif()
  add_compile_options(-fsanitize=${FENNEC_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${FENNEC_SANITIZE})
endif()
