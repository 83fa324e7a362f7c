// SPDX-License-Identifier: Apache-2.0
import AWSWire
import NIOCore

/// The streams that an extension can have.
enum TelemetryKind: String, Sendable, CaseIterable {
    case platform
    case function
    case extensionLines = "extension"

    /// As log lines name it.
    var title: String {
        switch self {
        case .platform: "Platform"
        case .function: "Function"
        case .extensionLines: "Extension"
        }
    }
}

/// What an extension wants to be told, how, and where. AWS: the body of `PUT /telemetry` and `PUT /logs`
struct TelemetrySubscription: Sendable, Equatable {
    enum API: Sendable {
        case telemetry
        case logs
    }

    /// A port of the sandbox's own loopback; other hosts are not reached.
    enum Destination: Sendable, Equatable {
        case http(port: UInt16, path: String, method: String)
        /// A JSON document a line.
        case tcp(port: UInt16)

        var port: UInt16 {
            switch self {
            case .http(let port, _, _), .tcp(let port): port
            }
        }
    }

    /// A batch leaves when one of the three is reached.
    struct Buffering: Sendable, Equatable {
        var maxItems = 1_000
        var maxBytes = 262_144
        var timeoutMilliseconds = 1_000

        static let items = 1_000...10_000
        static let bytes = 262_144...1_048_576
        static let milliseconds = 25...30_000
    }

    var api: API
    var schemaVersion: String
    /// In AWS's order, each once.
    var types: [TelemetryKind]
    var buffering = Buffering()
    var destination: Destination

    /// Throws with every reason against the subscription, as AWS does.
    init(parsing body: ByteBuffer, for api: API) throws(ExtensionAPIError) {
        let document: JSONValue
        do { document = try JSONValue(parsing: body) } catch { throw .invalidSubscription(["\(error)"]) }
        var reasons: [String] = []
        if case .object = document {} else { reasons.append("the body should be an object") }
        self.api = api
        schemaVersion = Self.schema(document, api, &reasons)
        types = Self.types(document["types"], &reasons)
        buffering = Self.buffering(document["buffering"], &reasons)
        destination = Self.destination(document["destination"], &reasons)
        guard reasons.isEmpty else { throw .invalidSubscription(reasons) }
    }

    private static func schema(_ document: JSONValue, _ api: API, _ reasons: inout [String]) -> String {
        let known = api == .logs ? ["2020-08-15", "2021-03-18"] : ["2022-07-01", "2022-12-13", "2025-01-29"]
        guard let given = document["schemaVersion"] else {
            if api == .telemetry { reasons.append("schemaVersion should not be empty") }
            return known[0]
        }
        guard let text = given.stringValue, known.contains(text) else {
            reasons.append("schemaVersion should be one of \(known.joined(separator: ", "))")
            return known[0]
        }
        return text
    }

    private static func types(_ value: JSONValue?, _ reasons: inout [String]) -> [TelemetryKind] {
        guard let names = value?.arrayValue, !names.isEmpty else {
            reasons.append("types should not be empty")
            return []
        }
        let kinds = names.prefix(64).map { $0.stringValue.flatMap(TelemetryKind.init) }
        if kinds.contains(where: { $0 == nil }) || names.count > 64 {
            reasons.append("types should be platform, function or extension")
        }
        return TelemetryKind.allCases.filter { kinds.contains($0) }
    }

    private static func buffering(_ value: JSONValue?, _ reasons: inout [String]) -> Buffering {
        var buffering = Buffering()
        guard let value, value != .null else { return buffering }
        func read(_ name: String, _ range: ClosedRange<Int>, _ into: inout Int) {
            switch value[name] {
            case nil, .null?: break
            case .integer(let number)? where range.contains(number): into = number
            default: reasons.append("\(name) should be between \(range.lowerBound) and \(range.upperBound)")
            }
        }
        read("maxItems", Buffering.items, &buffering.maxItems)
        read("maxBytes", Buffering.bytes, &buffering.maxBytes)
        read("timeoutMs", Buffering.milliseconds, &buffering.timeoutMilliseconds)
        return buffering
    }

    private static func destination(_ value: JSONValue?, _ reasons: inout [String]) -> Destination {
        let nowhere = Destination.tcp(port: 0)
        switch value?["protocol"]?.stringValue {
        case "HTTP"?:
            let method = value?["method"]?.stringValue ?? "POST"
            if !["POST", "PUT"].contains(method) { reasons.append("method should be POST or PUT") }
            if let encoding = value?["encoding"]?.stringValue, encoding != "JSON" {
                reasons.append("encoding should be JSON")
            }
            guard let uri = value?["URI"]?.stringValue, let parts = address(uri, scheme: "http://", &reasons) else {
                if value?["URI"]?.stringValue == nil { reasons.append("URI is not provided") }
                return nowhere
            }
            return .http(port: parts.port, path: parts.path, method: method)
        case "TCP"?:
            if case .integer(let port)? = value?["port"] {
                return usable(port, &reasons).map { .tcp(port: $0) } ?? nowhere
            }
            guard let uri = value?["URI"]?.stringValue else {
                reasons.append("port is not provided")
                return nowhere
            }
            return address(uri, scheme: "tcp://", &reasons).map { .tcp(port: $0.port) } ?? nowhere
        default:
            reasons.append("protocol should be HTTP or TCP")
            return nowhere
        }
    }

    /// Port and path of an address in the sandbox.
    private static func address(
        _ uri: String,
        scheme: String,
        _ reasons: inout [String]
    ) -> (port: UInt16, path: String)? {
        let isClean = uri.utf8.count <= 2_048 && uri.utf8.allSatisfy { (0x21...0x7e).contains($0) }
        guard isClean, uri.lowercased().hasPrefix(scheme) else {
            reasons.append("URI is invalid")
            return nil
        }
        let rest = uri.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let path = rest[authority.endIndex...].prefix { $0 != "#" }
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        guard ["sandbox.localdomain", "sandbox", "localhost", "127.0.0.1"].contains(parts[0].lowercased()) else {
            reasons.append("URI host should be sandbox.localdomain")
            return nil
        }
        guard parts.count == 2, let number = Int(parts[1]) else {
            reasons.append("URI port is not provided")
            return nil
        }
        return usable(number, &reasons).map { (port: $0, path: path.first == "/" ? String(path) : "/" + path) }
    }

    private static func usable(_ number: Int, _ reasons: inout [String]) -> UInt16? {
        guard let port = UInt16(exactly: number), port > 0, port != LaunchPlan.runtimeAPIPort,
            port != LaunchPlan.endpointPort
        else {
            reasons.append("port \(number) cannot be used")
            return nil
        }
        return port
    }
}
