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

# helio_e2e([ALONE name…] [SLOW name…]): each *.test.mjs of this folder under node's test runner with the
# programs of this build, as e2e_FOLDER_NAME (e2e_FOLDER where both are one word); label e2e. Several run
# at a time, so that a cluster has addresses of its own (127.0.BASE.x). ALONE: it measures time, nothing
# runs beside it. SLOW: it takes half a minute, so it begins early. Under sanitizers what is promised may
# take three times as long (`promised` in lib/cluster.mjs).
find_program(NODE_PROGRAM NAMES node nodejs)
if(NOT NODE_PROGRAM)
	message(WARNING "no node: tests that need it will fail; install the package nodejs")
	set(NODE_PROGRAM node)
endif()
set(HELIO_E2E_ENV "HELIO_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
if(HELIO_SANITIZE)
	list(APPEND HELIO_E2E_ENV HELIO_SLOW=3)
endif()
function(helio_e2e)
	cmake_parse_arguments(A "" "" "ALONE;SLOW" ${ARGN})
	get_filename_component(folder ${CMAKE_CURRENT_SOURCE_DIR} NAME)
	foreach(name ${A_ALONE} ${A_SLOW})
		if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${name}.test.mjs)
			message(FATAL_ERROR "ALONE or SLOW: there is no ${name}.test.mjs in tests/e2e/${folder}")
		endif()
	endforeach()
	file(GLOB files CONFIGURE_DEPENDS *.test.mjs)
	foreach(file ${files})
		get_filename_component(name ${file} NAME_WE)
		set(alone OFF)
		set(cost 10)
		if(name IN_LIST A_ALONE)
			set(alone ON)
		endif()
		if(name IN_LIST A_SLOW)
			set(cost 50)
		endif()
		file(STRINGS ${file} browser REGEX "^let .*browser,|openBrowser" LIMIT_COUNT 1)
		set(processors 1)
		if(browser) # a page that is starved paints nothing
			set(processors 2)
		endif()
		set(test ${folder}_${name})
		if(name STREQUAL folder)
			set(test ${name})
		endif()
		add_test(NAME e2e_${test} COMMAND ${NODE_PROGRAM} --test --test-concurrency=1
			--test-reporter=spec ${file})
		set_tests_properties(e2e_${test} PROPERTIES LABELS e2e TIMEOUT 300 COST ${cost}
			PROCESSORS ${processors} RUN_SERIAL ${alone} ENVIRONMENT "${HELIO_E2E_ENV}")
	endforeach()
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
