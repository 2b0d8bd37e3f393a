# Third-party parts, all from Debian 12 packages; included as SYSTEM so that our warnings stay ours.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)

function(helio_dep name)
	pkg_check_modules(DEP_${name} REQUIRED IMPORTED_TARGET GLOBAL ${ARGN})
	add_library(dep_${name} INTERFACE)
	target_link_libraries(dep_${name} INTERFACE PkgConfig::DEP_${name})
endfunction()

helio_dep(czmq libczmq libzmq)
helio_dep(hiredis hiredis)
helio_dep(sodium libsodium)
helio_dep(lws libwebsockets)
helio_dep(re libre)
helio_dep(rem librem)
helio_dep(opus opus)
helio_dep(sndfile sndfile)
helio_dep(jansson jansson)
helio_dep(fyaml libfyaml)
helio_dep(sqlite sqlite3)
helio_dep(ical libical)

# libre's .pc file omits what its headers were built with; without HAVE_STDBOOL_H re_types.h
# redefines _Bool. USE_OPENSSL declares tls_openssl_context().
target_compile_definitions(dep_re INTERFACE HAVE_STDBOOL_H HAVE_INTTYPES_H HAVE_INET6 USE_OPENSSL)
target_link_libraries(dep_re INTERFACE OpenSSL::SSL OpenSSL::Crypto)
target_link_libraries(dep_rem INTERFACE dep_re)

find_library(NANOPB_LIB protobuf-nanopb REQUIRED)
find_path(NANOPB_INC NAMES pb.h PATH_SUFFIXES nanopb REQUIRED)
find_program(NANOPB_GEN NAMES nanopb_generator nanopb_generator.py REQUIRED)
add_library(dep_nanopb INTERFACE)
target_link_libraries(dep_nanopb INTERFACE ${NANOPB_LIB})
target_include_directories(dep_nanopb SYSTEM INTERFACE ${NANOPB_INC})

find_path(CMOCKA_INC cmocka.h REQUIRED)
find_library(CMOCKA_LIB cmocka REQUIRED)
add_library(dep_cmocka INTERFACE)
target_link_libraries(dep_cmocka INTERFACE ${CMOCKA_LIB})
target_include_directories(dep_cmocka SYSTEM INTERFACE ${CMOCKA_INC})
