// SPDX-License-Identifier: Apache-2.0

/// What tells a number of some kind from any other one: its check digits.
enum DigitCheck: Sendable {
    /// Cards.
    case luhn
    /// International bank accounts: the remainder by 97 is one.
    case iban
    /// Vehicles: the ninth sign is the check.
    case vehicle
    /// National provider identifiers: Luhn behind 80840.
    case provider
    /// The National Health Service: weights from ten on, by eleven.
    case nhs
    /// Registrations of the Drug Enforcement Administration.
    case dea

    func accepts(_ bytes: ArraySlice<UInt8>) -> Bool {
        let signs = bytes.filter { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "-") }
        let digits = signs.filter(\.isDigit).map { Int($0 - 0x30) }
        switch self {
        case .luhn: return (12...19).contains(digits.count) && Self.luhn(digits)
        case .provider: return digits.count == 10 && Self.luhn([8, 0, 8, 4, 0] + digits)
        case .iban: return Self.iban(signs)
        case .vehicle: return Self.vehicle(signs)
        case .nhs: return Self.nhs(digits)
        case .dea:
            // The second letter of a registration may be a nine.
            guard digits.count == 7 || digits.count == 8 else { return false }
            let seven = Array(digits.suffix(7))
            let odd = seven[0] + seven[2] + seven[4]
            let even = seven[1] + seven[3] + seven[5]
            return (odd + 2 * even) % 10 == seven[6]
        }
    }

    private static func luhn(_ digits: [Int]) -> Bool {
        let sum = digits.reversed().enumerated().reduce(0) { sum, item in
            let doubled = item.offset % 2 == 1 ? item.element * 2 : item.element
            return sum + (doubled > 9 ? doubled - 9 : doubled)
        }
        return sum % 10 == 0
    }

    private static func iban(_ signs: [UInt8]) -> Bool {
        guard (15...34).contains(signs.count) else { return false }
        var remainder = 0
        for sign in signs[4...] + signs[..<4] {
            switch sign {
            case 0x30...0x39: remainder = (remainder * 10 + Int(sign - 0x30)) % 97
            case 0x41...0x5a: remainder = (remainder * 100 + Int(sign - 0x41) + 10) % 97
            default: return false
            }
        }
        return remainder == 1
    }

    private static func vehicle(_ signs: [UInt8]) -> Bool {
        let values = Array("ABCDEFGH..JKLMN.P.R..STUVWXYZ".utf8)
        let numbers = [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 1, 2, 3, 4, 5, 0, 7, 0, 9, 0, 0, 2, 3, 4, 5, 6, 7, 8, 9]
        let weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]
        guard signs.count == weights.count else { return false }
        var sum = 0
        for (sign, weight) in zip(signs, weights) {
            let upper = sign >= 0x61 ? sign & 0xdf : sign
            if upper.isDigit {
                sum += Int(upper - 0x30) * weight
            } else if let index = values.firstIndex(of: upper) {
                sum += numbers[index] * weight
            } else {
                return false
            }
        }
        let wanted = sum % 11 == 10 ? UInt8(ascii: "X") : UInt8(0x30 + sum % 11)
        return signs[8] & (signs[8] >= 0x61 ? 0xdf : 0xff) == wanted
    }

    private static func nhs(_ digits: [Int]) -> Bool {
        guard digits.count == 10 else { return false }
        let sum = digits.prefix(9).enumerated().reduce(0) { $0 + (10 - $1.offset) * $1.element }
        let check = 11 - sum % 11
        return check != 10 && check % 11 == digits[9]
    }
}
