# Read by cpack for each generator: here the version is known even if it was given to cpack by -D.
foreach(role NODE BROKER GATEWAY TOOLS CHAOS)
	set(CPACK_DEBIAN_${role}_PACKAGE_DEPENDS "heliograph-common (= ${CPACK_PACKAGE_VERSION})")
endforeach()
# heliograph-certificate looks at what it is given.
string(APPEND CPACK_DEBIAN_GATEWAY_PACKAGE_DEPENDS ", openssl, procps")
# site-up, roll, rotate.
string(APPEND CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS ", openssh-client, openssl, procps")
# A plugin that libwebsockets loads by name (gateway/loop.c): shlibdeps does not see it.
string(APPEND CPACK_DEBIAN_GATEWAY_PACKAGE_DEPENDS ", libwebsockets-evlib-ev")
# A lab runs every daemon of this very version, and Redis.
foreach(role node broker gateway tools)
	string(APPEND CPACK_DEBIAN_CHAOS_PACKAGE_DEPENDS ", heliograph-${role} (= ${CPACK_PACKAGE_VERSION})")
endforeach()
string(APPEND CPACK_DEBIAN_CHAOS_PACKAGE_DEPENDS ", redis-server, redis-tools, iproute2, procps, sip-tester")
