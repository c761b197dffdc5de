/*
 * The guest of the KVM probe: firmware that does what any 64-bit kernel does first, then some work.
 *
 * A processor starts in real mode at the last 16 bytes. From there: protected mode, a page table of one
 * 2 MiB page, long mode, SSE; then sixteen million turns of a loop with instructions a kernel
 * lives on. Hardware is through in milliseconds; a KVM that emulates kernel code
 * instruction by instruction takes longer than the probe waits, or stops at the first
 * instruction it does not know. At the end 0x2a goes to isa-debug-exit.
 *
 *   as --64 kvm_probe.S -o kvm_probe.o && objcopy -O binary -j .text kvm_probe.o kvm_probe.bin
 *
 * The code runs at 0xff000, in the last 4 KiB of a 64 KiB ROM.
 */
        .text
        .set    base, 0xff000
        .set    tables, 0x1000          /* three page tables and some data, in RAM */
        .set    turns, 16000000
start:
        .code16
real:
        cli
        lgdtl   %cs:(gdt_pointer - start + 0xf000)
        movl    %cr0, %eax
        orl     $1, %eax
        movl    %eax, %cr0
        ljmpl   $8, $(base + protected - start)

        .code32
protected:
        movw    $16, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        cld
        movl    $tables, %edi
        xorl    %eax, %eax
        movl    $0x1000, %ecx
        rep stosl
        movl    $(tables + 0x1000 + 3), (tables)
        movl    $(tables + 0x2000 + 3), (tables + 0x1000)
        movl    $0x83, (tables + 0x2000)
        movl    $0x620, %eax            /* CR4: PAE, OSFXSR, OSXMMEXCPT */
        movl    %eax, %cr4
        movl    $tables, %eax
        movl    %eax, %cr3
        movl    $0xc0000080, %ecx       /* EFER.LME */
        rdmsr
        orl     $0x100, %eax
        wrmsr
        movl    %cr0, %eax
        andl    $0x9ffffffb, %eax       /* caches on, no FPU emulation */
        orl     $0x80000002, %eax       /* PG, MP */
        movl    %eax, %cr0
        ljmpl   $24, $(base + long - start)

        .code64
long:
        movl    $(tables + 0x3000), %esi
        movl    $turns, %edi
again:
        movl    $1, %ecx
        lock xaddq %rcx, 64(%rsi)
        movq    %rcx, %xmm0
        paddq   %xmm0, %xmm1
        movdqu  %xmm1, 32(%rsi)
        decl    %edi
        jnz     again
        movq    (%rsi), %rax            /* compare with what is there, so that it swaps */
        movq    8(%rsi), %rdx
        movl    $0x2a, %ebx
        xorl    %ecx, %ecx
        lock cmpxchg16b (%rsi)
        movb    (%rsi), %al
        movw    $0x501, %dx
        outb    %al, %dx
        hlt

        .balign 8
gdt:    .quad   0
        .quad   0x00cf9b000000ffff      /*  8: 32-bit code */
        .quad   0x00cf93000000ffff      /* 16: data */
        .quad   0x00af9b000000ffff      /* 24: 64-bit code */
gdt_pointer:
        .word   gdt_pointer - gdt - 1
        .long   base + gdt - start

        .org    0xff0
        .code16
        ljmpw   $0xf000, $0xf000
        .org    0x1000
