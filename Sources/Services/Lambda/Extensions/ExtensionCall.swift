// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOCore
import NIOHTTP1

/// One call of the Extensions, Telemetry or Logs API, read from its HTTP request.
enum ExtensionCall: Sendable {
    case register(name: String, events: [String], wantsAccount: Bool)
    case next(id: String)
    case fail(id: String, ExtensionFault, errorType: String)
    case subscribe(id: String, TelemetrySubscription)
    case refused(ExtensionAPIError)

    /// What a registration or a subscription can hold.
    private static let maximumBody = 262_144

    /// Nil when the path belongs to none of the three.
    init?(_ head: HTTPRequestHead, _ body: ByteBuffer, isTooLarge: Bool) {
        let path = head.uri.split(separator: "?", maxSplits: 1).first ?? ""
        let parts = path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        let isTooLarge = isTooLarge || body.readableBytes > Self.maximumBody
        switch (head.method, parts) {
        case (.POST, ["2020-01-01", "extension", "register"]):
            self = isTooLarge ? .refused(.tooLarge) : Self.registration(head.headers, body)
        case (.GET, ["2020-01-01", "extension", "event", "next"]):
            self = Self.identified(head.headers) { .next(id: $0) }
        case (.POST, ["2020-01-01", "extension", "init", "error"]): self = Self.failure(head.headers, .initError)
        case (.POST, ["2020-01-01", "extension", "exit", "error"]): self = Self.failure(head.headers, .exitError)
        case (.PUT, ["2022-07-01", "telemetry"]): self = Self.subscription(head.headers, body, isTooLarge, .telemetry)
        case (.PUT, ["2020-08-15", "logs"]): self = Self.subscription(head.headers, body, isTooLarge, .logs)
        default: return nil
        }
    }

    private static func registration(_ headers: HTTPHeaders, _ body: ByteBuffer) -> ExtensionCall {
        let name = headers.first(name: "Lambda-Extension-Name") ?? ""
        guard !name.isEmpty else { return .refused(.emptyName) }
        // It stands in log lines, and an external one's is a file's name.
        guard name.utf8.count <= 255, name == name.plain else {
            return .refused(.invalidFormat("The extension's name has a character or length that is not allowed"))
        }
        do {
            let document = try JSONValue(parsing: body)
            guard case .object = document else { return .refused(.invalidFormat("The body is not an object")) }
            if let keys = document["configurationKeys"]?.arrayValue, !keys.isEmpty {
                let message = "configurationKeys are deprecated; use environment variables instead"
                return .refused(.invalidFormat(message))
            }
            let listed = document["events"] ?? .array([])
            let events = listed == .null ? [] : listed.arrayValue
            guard let events, events.count <= 16 else {
                return .refused(.invalidFormat("events is not a list of names"))
            }
            let names = events.compactMap(\.stringValue)
            guard names.count == events.count else {
                return .refused(.invalidFormat("events is not a list of names"))
            }
            let features = headers[canonicalForm: "Lambda-Extension-Accept-Feature"]
            return .register(name: name, events: names, wantsAccount: features.contains("accountId"))
        } catch {
            return .refused(.invalidFormat("\(error)"))
        }
    }

    private static func failure(_ headers: HTTPHeaders, _ fault: ExtensionFault) -> ExtensionCall {
        identified(headers) { id in
            guard let type = headers.first(name: "Lambda-Extension-Function-Error-Type"), !type.isEmpty else {
                return .refused(.missingErrorType)
            }
            return .fail(id: id, fault, errorType: type.plain)
        }
    }

    private static func subscription(
        _ headers: HTTPHeaders,
        _ body: ByteBuffer,
        _ isTooLarge: Bool,
        _ api: TelemetrySubscription.API
    ) -> ExtensionCall {
        identified(headers) { id in
            guard !isTooLarge else { return .refused(.tooLarge) }
            do throws(ExtensionAPIError) {
                return .subscribe(id: id, try TelemetrySubscription(parsing: body, for: api))
            } catch {
                return .refused(error)
            }
        }
    }

    private static func identified(_ headers: HTTPHeaders, _ call: (String) -> ExtensionCall) -> ExtensionCall {
        let id = headers.first(name: "Lambda-Extension-Identifier") ?? ""
        guard !id.isEmpty else { return .refused(.missingIdentifier) }
        guard isUUID(id) else { return .refused(.invalidIdentifier) }
        return call(id.lowercased())
    }

    private static func isUUID(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 36 else { return false }
        return bytes.enumerated().allSatisfy { index, byte in
            [8, 13, 18, 23].contains(index)
                ? byte == 0x2d : (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte | 0x20)
        }
    }
}
