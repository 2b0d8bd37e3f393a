# helio_test(name LABEL unit SOURCES t.c LIBS x [TIMEOUT s]): a cmocka program registered with ctest.
function(helio_test name)
	cmake_parse_arguments(A "" "LABEL;TIMEOUT" "SOURCES;LIBS;ENV" ${ARGN})
	if(NOT A_LABEL)
		set(A_LABEL unit)
	endif()
	if(NOT A_TIMEOUT)
		set(A_TIMEOUT 60)
	endif()
	add_executable(${name} ${A_SOURCES})
	target_link_libraries(${name} PRIVATE ${A_LIBS} dep_cmocka helio_flags)
	target_compile_definitions(${name} PRIVATE
		TEST_DATA_DIR="${CMAKE_SOURCE_DIR}/tests/data")
	add_test(NAME ${name} COMMAND ${name})
	set_tests_properties(${name} PROPERTIES LABELS ${A_LABEL} TIMEOUT ${A_TIMEOUT})
	if(A_ENV)
		set_tests_properties(${name} PROPERTIES ENVIRONMENT "${A_ENV}")
	endif()
endfunction()

# helio_e2e(name FILE… [ALONE]): node's test runner over these files, one after the other, with the
# programs of this build; label e2e. Several run at a time, so that a cluster has addresses of its own
# (127.0.BASE.x). ALONE: it measures time, nothing runs beside it.
find_program(NODE_PROGRAM NAMES node nodejs)
if(NOT NODE_PROGRAM)
	message(WARNING "no node: tests that need it will fail; install the package nodejs")
	set(NODE_PROGRAM node)
endif()
function(helio_e2e name)
	cmake_parse_arguments(A "ALONE" "" "" ${ARGN})
	list(TRANSFORM A_UNPARSED_ARGUMENTS PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
	add_test(NAME e2e_${name} COMMAND ${NODE_PROGRAM} --test --test-concurrency=1
		--test-reporter=spec ${A_UNPARSED_ARGUMENTS})
	set_tests_properties(e2e_${name} PROPERTIES LABELS e2e TIMEOUT 300
		RUN_SERIAL ${A_ALONE} ENVIRONMENT "HELIO_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
endfunction()

# helio_fuzz(name SOURCES f.c LIBS x CORPUS dir): a libFuzzer target (clang, -DHELIO_FUZZ=ON),
# run for HELIO_FUZZ_SECONDS over the kept corpus.
set(HELIO_FUZZ_SECONDS 30 CACHE STRING "Seconds of the processor that each fuzz target has under ctest")
function(helio_fuzz name)
	cmake_parse_arguments(A "" "CORPUS" "SOURCES;LIBS" ${ARGN})
	if(NOT HELIO_FUZZ)
		return()
	endif()
	add_executable(${name} ${A_SOURCES})
	target_link_libraries(${name} PRIVATE ${A_LIBS} helio_flags)
	target_link_options(${name} PRIVATE -fsanitize=fuzzer)
	if(NOT TARGET fuzzers)
		add_custom_target(fuzzers) # all of them, nothing else: what tests/run builds
	endif()
	add_dependencies(fuzzers ${name})
	add_test(NAME ${name} COMMAND ${CMAKE_SOURCE_DIR}/tests/fuzz/run-one $<TARGET_FILE:${name}>
		${A_CORPUS} ${HELIO_FUZZ_SECONDS})
	math(EXPR limit "${HELIO_FUZZ_SECONDS} * 20 + 60") # beside tests that come first
	set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT ${limit})
endfunction()
