# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Part of tests/guest/run: the command line. Each mistake gets one message and the documented status.
run() { # STATUS MESSAGE OPTION...: zhyve as given, without a guest
	local want=$1 message=$2 got=0
	shift 2
	timeout -k 5 20 "$zhyve" "$@" >"$dir/out" 2>"$dir/err" </dev/null || got=$?
	[ "$got" -eq "$want" ] || fail "status $got, $want expected, of zhyve $*"
	grep -qF -- "$message" "$dir/out" "$dir/err" || fail "the message '$message' is missing, of zhyve $*"
}
run 0 "usage: zhyve" -h
run 0 "zhyve 0" -v
run 0 "virtio-blk" -s help
run 0 "com1" -l help
run 1 "name is missing"
run 1 "more than one" a b
run 1 "usage: zhyve" -Z x
run 64 "is not of the form [w][address:]port" -G 70000 x
run 64 "no address before the colon" -G :1 x
run 4 "is not an IPv4 address" -l "kernel,$payload" -G host.example:1234 x
run 4 "neither unix:PATH nor fd:N" -l "kernel,$payload" -o gdb.socket=tcp x
run 4 "is no socket" -l "kernel,$payload" -G fd:1 x
run 64 "invalid memsize '12x'" -m 12x x
run 64 "invalid memsize ''" -m "" x
run 64 "invalid memsize '0'" -m 0 x
run 64 "invalid memsize '99999999999t'" -m 99999999999t x
run 64 "invalid cpu topology '0'" -c 0 x
run 64 "invalid cpu topology 'cpus=2,dies=1'" -c cpus=2,dies=1 x
run 4 "must be the number of vCPUs" -c cpus=4,sockets=3 x
run 4 "unknown emulation 'floppy'" -s 3,floppy x
run 4 "is not a slot" -s 32,virtio-rnd x
run 4 "is not a slot" -s 0:0:0:0,virtio-rnd x
run 4 "is not a slot" -s 0:8,virtio-rnd x
run 4 "slot and emulation are needed" -s 3 x
run 4 "PCI slot 0:3:0 is used twice: by virtio-rnd and lpc" -s 3,virtio-rnd -s 0:3:0,lpc x
run 0 "bootrom" -l help
run 64 "is not ROM or ROM,VARS" -l bootrom,a,b,c x
run 64 "is not ROM or ROM,VARS" -l bootrom,a, x
run 64 "needs a value" -l bootrom x
run 64 "invalid fw_cfg item 'opt/a'" -f opt/a x
run 64 "invalid fw_cfg item 'opt/a,bytes=1'" -f opt/a,bytes=1 x
run 1 "bootvars=V" -l bootrom,R,V -o config.dump=true x
run 64 "unknown LPC device 'com5'" -l com5,stdio x
run 64 "needs a value" -l com1 x
run 64 "invalid key=value: 'product'" -B 1,product x
run 64 "invalid key=value: 'product='" -B 1,product= x
run 64 "Unknown SMBIOS key colour for type 1" -B 1,colour=red x
run 64 "First token (type) is too large" -B 4,vendor=x x
run 64 "First token (type) is too small" -B -1,vendor=x x
run 64 "First token (type) is invalid" -B x,vendor=x x
run 64 "invalid config option 'x'" -o x x
run 4 "is not a boolean" -l "kernel,$payload" -e -o x86.strictmsr=maybe x
run 4 "there would be no debugger to resume from" -d x
run 4 "no-such-file" -k /no-such-file x
printf '# comment\n\nname=fromfile\nmemory.size=%%(size)\nsize=32m\n' >"$dir/config"
run 1 "memory.size=32m" -k "$dir/config" -o config.dump=true
run 1 "name=fromfile" -k "$dir/config" -o config.dump=true
printf 'name=x\nnonsense\n' >"$dir/config"
run 4 "$dir/config line 2: invalid config option 'nonsense'" -k "$dir/config"
run 4 "refers to a variable that is not set" -o 'a=%(b)' x
run 4 "without end" -o 'a=%(b)' -o 'b=%(a)' x
run 4 "Only one LPC bridge is allowed." -l "kernel,$payload" -s 1,lpc -s 2,lpc x
run 4 "LPC bridge can be present only on bus 0." -l "kernel,$payload" -s 1:1:0,lpc x
run 4 "/no-such-disk" -l "kernel,$payload" -s 3,virtio-blk,/no-such-disk x
run 4 "no path is given" -l "kernel,$payload" -s 3,virtio-blk x
run 4 "either a path is given" -l "kernel,$payload" -s 3,nvme x
run 4 "either a path is given" -l "kernel,$payload" -s 3,nvme,/no-such-disk,ram=1 x
run 4 "/no-such-disk" -l "kernel,$payload" -s 3,nvme,/no-such-disk x
run 4 "ram: '0' is not a number of MiB" -l "kernel,$payload" -s 3,nvme,ram=0 x
run 4 "sectsz: '1024' is not 512, 4096 or 8192" -l "kernel,$payload" -s 3,nvme,ram=1,sectsz=1024 x
run 4 "dsm: 'maybe'" -l "kernel,$payload" -s 3,nvme,ram=1,dsm=maybe x
run 4 "eui64: '12x'" -l "kernel,$payload" -s 3,nvme,ram=1,eui64=12x x
run 4 "maxq" -l "kernel,$payload" -s 3,nvme,ram=1,maxq=64 x
run 1 "ok" -l com1,stdio -l "kernel,$payload" -s 3,nvme,ram=1,maxq=63,qsz=4096,ioslots=8,sectsz=4096,eui64=0x589cfc0000000001 x
run 4 "unknown model 'z80'" -l "kernel,$payload" -s 0,hostbridge,model=z80 x
run 64 "a number of cpus is wanted" -c "" x
run 64 "its value has 5000 bytes, at most 4095 are taken" -o "boot.cmdline=$(printf '%05000d' 0)" x
run 1 "option 'pci.0.3.0.colour' is not known" -l "kernel,$payload" -s 3,virtio-rnd,colour=red x
run 1 "option 'boot.initr' is not known" -l "kernel,$payload,initr=x" x

# What --dump prints is the whole machine: read back it prints the same.
run 0 "cores=3" --dump -c 6,sockets=2 -s 31,lpc -s 10,virtio-rnd -s 9,virtio-rnd -p 1:0 -p 1:1 -o boot.cmdline="50%% %(name)" x
cp "$dir/out" "$dir/conf"
grep -qx "boot.cmdline=50%% x" "$dir/conf" || fail "the command line in the dump"
grep -qx "vcpu.1.cpuset=0,1" "$dir/conf" || fail "the pinning in the dump"
run 0 "x86.irqchip=kernel" --dump -k "$dir/conf"
cmp -s "$dir/out" "$dir/conf" || fail "the dump of a dump"
run 0 "x86.irqchip=split" --dump -c 300 x
run 1 "memory.size=256M" -o config.dump=true x
run 4 "x86.irqchip: 'none'" -o x86.irqchip=none x
run 4 "need x2APIC" -a -c 300 x
run 4 "virtio.modern=false" -o virtio.modern=false x
run 64 "not of the form vcpu:hostcpu" -p 1 x
run 4 "there is no such vCPU" -l "kernel,$payload" -p 1:0 x
run 4 "not a list of host processors" -l "kernel,$payload" -o vcpu.0.cpuset=0-x x
run 4 "cpu.model 'z80' is not known" -l "kernel,$payload" -o cpu.model=z80 x
run 4 "cpu.features: 'sse2'" -l "kernel,$payload" -o cpu.features=sse2 x
run 1 "option 'colour' is not known" -l "kernel,$payload" -o colour=red x
run 1 "hello" -l "kernel,$payload" -l com1,stdio -p 0:0 -p 0:1 -o x86.mptable=false -o cpu.features=-avx2 x
