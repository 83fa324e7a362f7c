// SPDX-License-Identifier: Apache-2.0
internal import CLinux

/// What the server can ask of its jailer. Bodies and answers are described in `JailerProtocol.h`.
package enum JailerOperation: Sendable {
    case hello, start, claim, cpu, freeze, thaw, usage, kill, examine, companion, dial, terminate
    case snapshot, restore
    /// A number that need not exist, for tests.
    case raw(UInt32)

    package var number: UInt32 {
        switch self {
        case .hello: UInt32(JAILER_HELLO)
        case .start: UInt32(JAILER_START)
        case .claim: UInt32(JAILER_CLAIM)
        case .cpu: UInt32(JAILER_CPU)
        case .freeze: UInt32(JAILER_FREEZE)
        case .thaw: UInt32(JAILER_THAW)
        case .usage: UInt32(JAILER_USAGE)
        case .kill: UInt32(JAILER_KILL)
        case .examine: UInt32(JAILER_EXAMINE)
        case .companion: UInt32(JAILER_COMPANION)
        case .dial: UInt32(JAILER_DIAL)
        case .terminate: UInt32(JAILER_TERMINATE)
        case .snapshot: UInt32(JAILER_SNAPSHOT)
        case .restore: UInt32(JAILER_RESTORE)
        case .raw(let number): number
        }
    }
}

/// The numbers of the protocol that the server writes or compares.
package enum JailerNumber {
    package static let version = UInt32(JAILER_VERSION)
    package static let maximumMessage = Int(JAILER_MAX_MESSAGE)
    package static let maximumSandboxes = Int(JAILER_MAX_SANDBOXES)
    package static let maximumArguments = Int(JAILER_MAX_ARGUMENTS)
    package static let maximumEnvironment = Int(JAILER_MAX_ENVIRONMENT)
    package static let maximumMounts = Int(JAILER_MAX_MOUNTS)
    package static let maximumListeners = Int(JAILER_MAX_LISTENERS)
    package static let maximumDescriptors = Int(JAILER_MAX_DESCRIPTORS)

    package static let helloPlain = UInt32(JAILER_HELLO_PLAIN)
    package static let helloCgroupsOptional = UInt32(JAILER_HELLO_CGROUPS_OPTIONAL)
    package static let helloNoUnified = UInt32(JAILER_HELLO_NO_UNIFIED)

    package static let startAwaitsClaim = UInt32(JAILER_START_AWAITS_CLAIM)
    package static let startExecutesLate = UInt32(JAILER_START_EXECUTES_LATE)
    package static let claimDescriptor = Int32(JAILER_CLAIM_DESCRIPTOR)
    package static let startHostNetwork = UInt32(JAILER_START_HOST_NETWORK)
    package static let startAttended = UInt32(JAILER_START_ATTENDED)
    package static let lateImage = JAILER_LATE_IMAGE
    package static let startKVM = UInt32(JAILER_START_KVM)
    package static let startEgress = UInt32(JAILER_START_EGRESS)
    package static let startVsock = UInt32(JAILER_START_VSOCK)
    package static let vsockPath = JAILER_VSOCK_PATH
    package static let egressSockets = Int(JAILER_EGRESS_SOCKETS)
    package static let mountWritable = UInt32(JAILER_MOUNT_WRITABLE)
    package static let mountOwned = UInt32(JAILER_MOUNT_OWNED)
    package static let exited = UInt32(JAILER_EXITED)

    package static let guestFilePort = UInt16(GUEST_FILE_PORT)
    package static let guestControlPort = UInt16(GUEST_CONTROL_PORT)
    package static let guestStreamPort = UInt16(GUEST_STREAM_PORT)
    package static let guestWayOutPort = UInt16(GUEST_WAY_OUT_PORT)
    package static let guestTime = UInt32(GUEST_TIME)
    package static let guestIsStream = UInt32(GUEST_IS_STREAM)

    package static let checkPresent = UInt32(JAILER_CHECK_PRESENT)
    package static let checkDegraded = UInt32(JAILER_CHECK_DEGRADED)
}

/// Why the jailer could not do what was asked.
package enum JailerFailureCode: Sendable, Equatable {
    case protocolBroken, badSpecification, hostLacks, cannotExecute, ended, busy, failed
    /// The mount with that index in the request.
    case mount(Int)

    init(_ number: UInt32) {
        self =
            switch Int(number) {
            case Int(JAILER_E_PROTOCOL): .protocolBroken
            case Int(JAILER_E_SPECIFICATION): .badSpecification
            case Int(JAILER_E_HOST_LACKS): .hostLacks
            case Int(JAILER_E_CANNOT_EXECUTE): .cannotExecute
            case Int(JAILER_E_ENDED): .ended
            case Int(JAILER_E_BUSY): .busy
            case Int(JAILER_E_MOUNT)...: .mount(Int(number) - Int(JAILER_E_MOUNT))
            default: .failed
            }
    }
}

/// A refused request: what the jailer was doing, and the kernel's reason.
package struct JailerFailure: Error, Sendable {
    package var code: JailerFailureCode
    package var errno: Int32
    package var text: String

    package init(code: JailerFailureCode, errno: Int32, text: String) {
        self.code = code
        self.errno = errno
        self.text = text
    }

    /// What a process that executes late has left to say: nil when these bytes are nothing of that kind.
    package init?(late bytes: [UInt8]) {
        var reader = JailerReader(bytes)
        code = JailerFailureCode(reader.u32())
        errno = Int32(bitPattern: reader.u32())
        text = reader.string()
        guard !reader.isBroken else { return nil }
    }
}

/// A message from the jailer.
package struct JailerMessage: Sendable {
    package enum Kind: Sendable { case answer, exit, ending }
    package var kind: Kind
    package var request: UInt32
    package var body: [UInt8]
    /// Owned by whoever takes the message.
    package var descriptors: [FileDescriptor]

    /// Nil when the bytes are no message.
    package init?(_ bytes: UnsafeRawBufferPointer, _ descriptors: [FileDescriptor]) {
        let size = MemoryLayout<jailer_header>.size
        guard bytes.count >= size else { return nil }
        let header = bytes.loadUnaligned(as: jailer_header.self)
        switch Int(header.operation) {
        case Int(JAILER_ANSWER): kind = .answer
        case Int(JAILER_EXIT): kind = .exit
        case Int(JAILER_ENDING): kind = .ending
        default: return nil
        }
        request = header.request
        body = Array(bytes[size...])
        self.descriptors = descriptors
    }

    /// The answer's contents behind its status. Throws the failure that the status stands for.
    package func contents() throws(JailerFailure) -> JailerReader {
        var reader = JailerReader(body)
        let status = reader.u32()
        guard status != UInt32(JAILER_OK) || reader.isBroken else { return reader }
        let code = Int32(bitPattern: reader.u32())
        let text = reader.string()
        guard !reader.isBroken else {
            throw JailerFailure(code: .protocolBroken, errno: 0, text: "read the jailer's answer")
        }
        throw JailerFailure(code: JailerFailureCode(status), errno: code, text: text)
    }
}
