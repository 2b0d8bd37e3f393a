# Sourced by the tests here: where no lab can be built they are skipped; a tool that is not there, or that
# crashes, is a failure.
code=0
why=$("$HELIO_BIN/helio-chaos" lab check 2>&1) || code=$?
case $code in
0) ;;
1) echo "skipped: $why"; exit 77 ;;
*) echo "FAILED: helio-chaos lab check: exit $code: $why"; exit 1 ;;
esac
