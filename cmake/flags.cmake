# helio_flags: what every target of ours compiles with.
add_library(helio_flags INTERFACE)
target_compile_options(helio_flags INTERFACE
	-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wswitch-enum
	-Wmissing-prototypes -Wvla -Wstrict-prototypes -Wformat=2
	-fno-omit-frame-pointer -fstack-protector-strong)
if(HELIO_WERROR)
	target_compile_options(helio_flags INTERFACE -Werror)
endif()
target_compile_definitions(helio_flags INTERFACE _GNU_SOURCE HELIO_VERSION="${PROJECT_VERSION}")
target_include_directories(helio_flags INTERFACE ${CMAKE_SOURCE_DIR})
if(HELIO_SANITIZE)
	# Globally, so that generated code and tests agree with the libraries.
	add_compile_options(-fsanitize=${HELIO_SANITIZE} -fno-sanitize-recover=undefined)
	add_link_options(-fsanitize=${HELIO_SANITIZE})
endif()
if(HELIO_FUZZ)
	add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# helio_library(name SOURCES a.c b.c LIBS x y): a static library of one folder.
function(helio_library name)
	cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
	add_library(${name} STATIC ${A_SOURCES})
	target_link_libraries(${name} PUBLIC ${A_LIBS} PRIVATE helio_flags)
	target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
endfunction()

# helio_program(name SOURCES … LIBS …)
function(helio_program name)
	cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
	add_executable(${name} ${A_SOURCES})
	target_link_libraries(${name} PRIVATE ${A_LIBS} helio_flags)
endfunction()
