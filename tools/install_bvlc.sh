#!/bin/sh
# Genuine BVLC Caffe 1.0 (CPU) from Debian bullseye's packages into a folder of its own: no root, nothing of the
# system touched. Gives DIR/bin/caffe, DIR/bin/convert_imageset and DIR/bin/python (pycaffe and what the tools import).
#
#   tools/install_bvlc.sh [DIR]        DIR is .bvlc by default; a finished one is left as it is
#   DEBIAN_MIRROR=http://...           the mirror to take, instead of those in the machine's own apt configuration
#
# apt-get resolves, fetches and verifies the packages from a state folder inside DIR.partial, which becomes DIR only
# when the result has been seen to run. A second call after an interruption keeps what was already downloaded.
set -eu

release=bullseye
packages="caffe python3-caffe python3-lmdb libopenblas0-pthread python3-tqdm python3-pytest python3-hypothesis"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
dir=${1:-.bvlc}
partial=$dir.partial

fail() { echo "install_bvlc.sh: $*" >&2; exit 2; }

[ -x "$dir/bin/caffe" ] && exit 0

elsewhere="use conda instead: conda env create -f environment.yml, then CAFFE=system"
[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] || fail "Debian's Caffe runs on x86-64 Linux, this is $(uname -s) $(uname -m); $elsewhere"
for command in apt-get dpkg-deb; do
    command -v $command >/dev/null || fail "no $command here, so this is no Debian-like system; $elsewhere"
done
[ -r $keyring ] || fail "$keyring is missing: install the package debian-archive-keyring, or $elsewhere"

mkdir -p "$partial/apt/lists/partial" "$partial/apt/archives/partial"
partial=$(cd "$partial" && pwd)
apt=$partial/apt
: > "$apt/status"

# apt's own settings for proxies and certificates stay in force; its sources, lists and installed packages do not.
apt_get() {
    apt-get -q -o Dir::State="$apt" -o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status" \
        -o Dir::Cache="$apt" -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o APT::Architecture=amd64 -o APT::Architectures=amd64 -o APT::Sandbox::User="$(id -un)" \
        -o APT::Update::Error-Mode=any -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

mirrors=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sort -u)}
[ -n "$mirrors" ] || fail "apt has no source configured; name a Debian mirror: DEBIAN_MIRROR=http://... make bvlc"
found=
for mirror in $mirrors; do
    echo "deb [signed-by=$keyring] $mirror $release main" > "$apt/sources.list"
    if apt_get update > "$apt/update.log" 2>&1; then found=$mirror; break; fi
done
[ -n "$found" ] || fail "no signed Debian $release at" $mirrors \
    "($(grep -m1 '^[EW]:' "$apt/update.log")); name a mirror that has it: DEBIAN_MIRROR=http://... make bvlc"

echo "Fetching Debian $release's Caffe and what it needs (170 MB) from $found"
rm -f "$apt/failed"
{ apt_get install --yes --download-only --no-install-recommends $packages || touch "$apt/failed"; } |
    grep -E '^(Get|Err|Fetched)' || true
[ ! -e "$apt/failed" ] || fail "could not fetch the packages; run the same command again to go on"

echo "Unpacking (650 MB)"
rm -rf "$partial/root" "$partial/bin"
for package in "$apt"/archives/*.deb; do
    dpkg-deb --extract "$package" "$partial/root" || fail "could not unpack $package; is the disk full?"
done

# What the packages' install scripts and absolute paths would have given.
site=$partial/root/usr/lib/python3/dist-packages
ln -s ../../../../share/matplotlib/mpl-data "$site/matplotlib/mpl-data"
sed -i "s|'/etc/matplotlibrc'|os.path.join(get_data_path(), 'matplotlibrc')|" "$site/matplotlib/__init__.py"
cat > "$site/sitecustomize.py" <<'END'
"""Child processes are to be started by the wrapper, which brings its own C library, and not by this binary."""
import pathlib
import sys

sys.executable = str(pathlib.Path(__file__).resolve().parents[5] / "bin" / "python")
END

mkdir "$partial/bin"
for name in caffe convert_imageset python; do
    program=$name
    [ $name = python ] && program=python3.9
    cat > "$partial/bin/$name" <<END
#!/bin/sh
root=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")/root
arch=x86_64-linux-gnu
export PYTHONHOME="\$root/usr" PYTHONPATH="\${PYTHONPATH:+\$PYTHONPATH:}\$root/usr/lib/python3/dist-packages"
exec "\$root/lib/\$arch/ld-2.31.so" \\
    --library-path "\$root/usr/lib/\$arch/openblas-pthread:\$root/lib/\$arch:\$root/usr/lib/\$arch:\$root/usr/lib" \\
    "\$root/usr/bin/$program" "\$@"
END
    chmod +x "$partial/bin/$name"
done

"$partial/bin/python" -c "import caffe, lmdb, google.protobuf, numpy, scipy, skimage, matplotlib.pyplot, tqdm" \
    2> "$apt/import.log" || fail "the unpacked Caffe does not run here ($(tail -n1 "$apt/import.log")); $elsewhere"
rm -rf "$apt"
mv "$partial" "$dir"
echo "Genuine Caffe is ready: $dir/bin/caffe, $dir/bin/python"
