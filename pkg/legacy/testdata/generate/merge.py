"""Writes one vectors file: merge.py ADAPTER OUT LIST..., each LIST what a generator here printed."""
import json
import sys

adapter, out, *lists = sys.argv[1:]
cases = [case for name in lists for case in json.load(open(name))]
versions = sorted({case["versions"] for case in cases})
how = "made and read back by the real frameworks, see testdata/generate; framework_user is their answer"
with open(out, "w") as f:
    json.dump({"adapter": adapter, "generated_with": versions, "how": how, "cases": cases}, f, ensure_ascii=False, indent=1)
    f.write("\n")
