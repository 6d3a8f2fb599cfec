# fennec_library(NAME [GLUE] [OWN_PCH] SOURCES … [APART …] USES folder… LIBS target…): one folder = one static library.
# Sources are compiled six at a time (FENNEC_UNITY), but those APART: siblings of one pattern, the same names in each.
# GLUE: control flow around the work and command lines, where building quickly matters and running does not; compiled
# with little optimisation. OWN_PCH: the folder precompiles other headers than cmake/std_pch.h.
# USES is the only place where "who may include whom" is written; tests/layers_test.cmake checks the sources against it.
function(fennec_library name)
  cmake_parse_arguments(arg "GLUE;OWN_PCH" "" "SOURCES;APART;USES;LIBS" ${ARGN})
  if(arg_SOURCES)
    add_library(fennec_${name} STATIC ${arg_SOURCES} ${arg_APART})
    set_target_properties(fennec_${name} PROPERTIES UNITY_BUILD ${FENNEC_UNITY} UNITY_BUILD_BATCH_SIZE 6)
    foreach(source ${arg_APART})
      set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endforeach()
    target_include_directories(fennec_${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(fennec_${name} PRIVATE fennec_warnings)
    set(kind PUBLIC)
  else()
    add_library(fennec_${name} INTERFACE)
    target_include_directories(fennec_${name} INTERFACE ${PROJECT_SOURCE_DIR})
    set(kind INTERFACE)
  endif()
  foreach(used ${arg_USES})
    target_link_libraries(fennec_${name} ${kind} fennec_${used})
  endforeach()
  target_link_libraries(fennec_${name} ${kind} ${arg_LIBS})
  if(arg_GLUE)
    target_compile_options(fennec_${name} PRIVATE $<$<CONFIG:Release>:-O1>)
    target_include_directories(fennec_${name} SYSTEM PRIVATE ${CLI11_INCLUDE})
  endif()
  if(arg_SOURCES AND NOT arg_OWN_PCH)
    target_precompile_headers(fennec_${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/std_pch.h)
  endif()
  set_property(GLOBAL APPEND PROPERTY FENNEC_FOLDERS ${name})
  set_property(GLOBAL PROPERTY FENNEC_USES_${name} "${arg_USES}")
endfunction()

# fennec_program(NAME FOLDER): NAME from FOLDER/main.cpp; glue, as its folder.
function(fennec_program name folder)
  add_executable(${name} main.cpp)
  target_link_libraries(${name} PRIVATE fennec_${folder} fennec_warnings)
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  target_include_directories(${name} SYSTEM PRIVATE ${CLI11_INCLUDE})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# fennec_test(FOLDER [TENSORS] LIBS …): every tests/FOLDER/*_test.cpp in one binary, one ctest entry per test case.
# TENSORS: its sources see LibTorch, whose logging takes doctest's CHECK when it comes second: doctest is not precompiled.
function(fennec_test folder)
  cmake_parse_arguments(arg "TENSORS" "TIMEOUT" "LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(${folder}_tests ${sources} ${CMAKE_CURRENT_SOURCE_DIR}/support/doctest_main.cpp)
  target_link_libraries(${folder}_tests PRIVATE ${arg_LIBS} fennec_warnings)
  target_compile_options(${folder}_tests PRIVATE $<$<CONFIG:Release>:-O1>)
  target_precompile_headers(${folder}_tests PRIVATE
    ${PROJECT_SOURCE_DIR}/$<IF:$<BOOL:${arg_TENSORS}>,cmake/std_pch.h,tests/support/doctest_pch.h>)
  target_compile_definitions(${folder}_tests PRIVATE FENNEC_SHARED="${FENNEC_SHARED}" FENNEC_SOURCE="${PROJECT_SOURCE_DIR}"
                             FENNEC_BIN="${CMAKE_BINARY_DIR}/bin")
  doctest_discover_tests(${folder}_tests TEST_PREFIX "${folder}: "
    PROPERTIES LABELS ${folder} TIMEOUT ${arg_TIMEOUT} SKIP_REGULAR_EXPRESSION "\\[skipped\\]")
endfunction()
