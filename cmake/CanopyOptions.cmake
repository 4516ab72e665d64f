# Compiler settings shared by every target, and the two functions with which folders declare what they build.
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

set(CANOPY_SANITIZE "" CACHE STRING "sanitizers, as -fsanitize= takes them: address,undefined or thread")

find_program(CANOPY_CCACHE ccache)
if(CANOPY_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CANOPY_CCACHE})
endif()

# canopy_build: warnings, the standard and the sanitizers. -ffp-contract=off: a fused multiply-add
# would give other score bits on processors that have it.
add_library(canopy_build INTERFACE)
target_include_directories(canopy_build INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_features(canopy_build INTERFACE cxx_std_20)
target_compile_options(canopy_build INTERFACE -Wall -Wextra -Werror -ffp-contract=off)
# At -O3 GCC 12 sees overlaps in std::string where there are none (GCC bug 105329).
target_compile_options(canopy_build INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
# At a fixed address, what a processor has learnt of a program's branches serves every process of it: with 16 leaf processes
# on two cores a query takes 1 / 1.3 of the time. The price is that the addresses of the program's own code are known.
option(CANOPY_PIE "executables that load at a random address; always so with sanitizers" OFF)
if(NOT CANOPY_PIE AND NOT CANOPY_SANITIZE)
  target_compile_options(canopy_build INTERFACE -fno-pie)
  target_link_options(canopy_build INTERFACE -no-pie)
endif()
if(CANOPY_SANITIZE)
  target_compile_options(canopy_build INTERFACE -fsanitize=${CANOPY_SANITIZE} -fno-sanitize-recover=all
                                                -fno-omit-frame-pointer)
  target_link_options(canopy_build INTERFACE -fsanitize=${CANOPY_SANITIZE})
endif()
if(CANOPY_SANITIZE STREQUAL "thread")
  # Fences of Asio, which the sanitizer cannot follow; Asio's mutexes order the same.
  target_compile_definitions(canopy_build INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
endif()

# canopy_library(FOLDER SOURCES file... [PUBLIC target...] [PRIVATE target...]): target canopy_FOLDER, alias
# canopy::FOLDER.
function(canopy_library folder)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(canopy_${folder} STATIC ${ARG_SOURCES})
  add_library(canopy::${folder} ALIAS canopy_${folder})
  target_link_libraries(canopy_${folder} PUBLIC canopy_build ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# canopy_binary(NAME SOURCES file... LINK target...): an executable that users run, in BUILD/bin. The target `binaries`
# builds all of them, and nothing else.
add_custom_target(binaries)
function(canopy_binary name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE canopy_build ${ARG_LINK})
  add_dependencies(binaries ${name})
endfunction()
