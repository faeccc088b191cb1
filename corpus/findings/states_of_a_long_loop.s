; open: Linux recognises a state a little earlier or later than we do, and with so many that decides over its limit
; finding: false accept: the kernel says: BPF program is too large. Processed 1000001 insn
; seed 200, case 39599
; kernel 6.12.117+deb12-amd64: refused: BPF program is too large. Processed 1000001 insn
; packet: 76df5930c7623cfd840d3e8788b58a208549b71b4593c33c0e8c268f28ed32a68c2597495c0601b56643cd560abeec69c819d9eeb6504df15b81635978e418662925e8534efc31b2b523acb292a1aa031b23d16dee28885a1159151450a32006c143
; value direct 00000000 0600000000000000f4f40c9cf85a4bc70e000000000000000800000000000000d739531cab9632d902000000000000007872cfc08ebfc7000a00000000000000
; value array 00000000 06000000000000000a00000000000000
; value array 01000000 f4f40c9cf85a4bc77872cfc08ebfc700
; value array 02000000 0e000000000000000200000000000000
; value array 03000000 0800000000000000d739531cab9632d9
; value hash 0100000000000000 0800000000000000
; value hash 0200000000000000 d739531cab9632d9
; value results 00000000 0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
.type xdp
.map direct array 4 64 1
.map array array 4 16 4
.map hash hash 8 8 8
.map results array 4 80 1
0: (bf) r6 = r1
1: (18) r1 = map[direct][0]+0
3: (79) r7 = *(u64 *)(r1 +0)
4: (61) r8 = *(u32 *)(r1 +8)
5: (71) r9 = *(u8 *)(r1 +16)
6: (bf) r9 = r9
7: (57) r9 &= 7
8: (7a) *(u64 *)(r10 -64) = 0
9: (7a) *(u64 *)(r10 -56) = 1
10: (7a) *(u64 *)(r10 -48) = 2
11: (7a) *(u64 *)(r10 -40) = 3
12: (7a) *(u64 *)(r10 -32) = 4
13: (7a) *(u64 *)(r10 -24) = 5
14: (7a) *(u64 *)(r10 -16) = 6
15: (7a) *(u64 *)(r10 -8) = 7
16: (bf) r3 = r10
17: (07) r3 += -64
18: (b7) r4 = 11
19: (b7) r5 = 0
20: (b7) r2 = 52
21: (bf) r1 = r6
22: (85) call bpf_xdp_load_bytes#189
23: (25) if r0 > 0x7 goto pc+2
24: (5c) w8 &= w0
25: (05) goto pc+7
26: (18) r5 = map[direct][0]+3
28: (bf) r4 = r7
29: (77) r4 >>= 60
30: (0f) r5 += r4
31: (7b) *(u64 *)(r5 +33) = r0
32: (57) r8 &= -929102825
33: (07) r9 += -1
34: (65) if r9 s> 0xfffffe00 goto pc-27
35: (77) r8 >>= 5
36: (7e) if w7 s>= w7 goto pc+47
37: (7a) *(u64 *)(r10 -72) = 0
38: (bf) r2 = r10
39: (07) r2 += -72
40: (18) r1 = map[hash]
42: (85) call bpf_map_lookup_elem#1
43: (15) if r0 == 0x0 goto pc+1
44: (6b) *(u16 *)(r0 +3) = r8
45: (b6) if w8 <= 0x4000000 goto pc+32
46: (71) r7 = *(u8 *)(r10 -28)
47: (62) *(u32 *)(r10 -72) = 1
48: (bf) r2 = r10
49: (07) r2 += -72
50: (18) r1 = map[array]
52: (85) call bpf_map_lookup_elem#1
53: (15) if r0 == 0x0 goto pc+8
54: (bf) r4 = r0
55: (bf) r2 = r8
56: (25) if r2 > 0x1 goto pc+5
57: (67) r2 <<= 3
58: (0f) r4 += r2
59: (79) r0 = *(u64 *)(r4 +0)
60: (79) r9 = *(u64 *)(r4 +0)
61: (6b) *(u16 *)(r4 +3) = r0
62: (7a) *(u64 *)(r10 -72) = 1
63: (bf) r2 = r10
64: (07) r2 += -72
65: (18) r1 = map[hash]
67: (85) call bpf_map_lookup_elem#1
68: (15) if r0 == 0x0 goto pc+8
69: (bf) r3 = r0
70: (bf) r5 = r7
71: (c5) if r5 s< 0x0 goto pc+5
72: (65) if r5 s> 0x0 goto pc+4
73: (0f) r3 += r5
74: (6a) *(u16 *)(r3 +1) = 5
75: (6a) *(u16 *)(r3 +6) = 257
76: (89) r0 = *(s16 *)(r3 +4)
77: (05) goto pc+0
78: (4d) if r7 & r8 goto pc+1
79: (06) gotol pc+3
80: (91) r7 = *(s8 *)(r10 -23)
81: (63) *(u32 *)(r10 -12) = r9
82: (bc) w0 = w8
83: (05) goto pc+0
84: (7e) if w9 s>= w7 goto pc+2
85: (97) r9 %= 180
86: (05) goto pc+12
87: (9f) r8 s%= r9
88: (bf) r2 = r10
89: (07) r2 += -64
90: (c3) r8 = atomic_fetch_and((u32 *)(r2 +24), r8)
91: (2d) if r8 > r8 goto pc+7
92: (18) r3 = map[direct][0]+16
94: (71) r7 = *(u8 *)(r3 +2)
95: (63) *(u32 *)(r3 +1) = r8
96: (47) r7 |= 3
97: (0c) w7 += w9
98: (06) gotol pc+0
99: (44) w7 |= 3
100: (24) w8 *= 65537
101: (4d) if r9 & r7 goto pc+17
102: (16) if w7 == 0xffff goto pc+1
103: (05) goto pc+13
104: (62) *(u32 *)(r10 -36) = -512639318
105: (7a) *(u64 *)(r10 -88) = 4
106: (7a) *(u64 *)(r10 -80) = 2
107: (63) *(u32 *)(r10 -72) = r8
108: (bf) r2 = r10
109: (07) r2 += -72
110: (18) r1 = map[array]
112: (bf) r3 = r10
113: (07) r3 += -88
114: (b7) r4 = 2
115: (85) call bpf_map_update_elem#2
116: (bf) r5 = (s8)r0
117: (84) w9 = -w9
118: (06) gotol pc+21
119: (7a) *(u64 *)(r10 -72) = 2
120: (bf) r2 = r10
121: (07) r2 += -72
122: (18) r1 = map[hash]
124: (85) call bpf_map_lookup_elem#1
125: (15) if r0 == 0x0 goto pc+4
126: (bf) r1 = r0
127: (7b) *(u64 *)(r1 +0) = r9
128: (c3) r8 = atomic_fetch_add((u32 *)(r1 +0), r8)
129: (69) r9 = *(u16 *)(r1 +4)
130: (63) *(u32 *)(r10 -72) = r7
131: (bf) r2 = r10
132: (07) r2 += -72
133: (18) r1 = map[array]
135: (85) call bpf_map_lookup_elem#1
136: (15) if r0 == 0x0 goto pc+3
137: (bf) r1 = r0
138: (79) r2 = *(u64 *)(r1 +7)
139: (62) *(u32 *)(r1 +2) = -2
140: (62) *(u32 *)(r10 -64) = 2147483647
141: (18) r0 = map[results][0]+0
143: (7b) *(u64 *)(r0 +56) = r7
144: (7b) *(u64 *)(r0 +64) = r8
145: (7b) *(u64 *)(r0 +72) = r9
146: (bf) r0 = r7
147: (95) exit
