// The words of the phone page, Chinese first.
const zh = {
  title: '模拟微信', other: 'English', tabChats: '微信', tabScan: '扫一扫', tabSMS: '短信', tabMe: '我',
  lead: '这是一台模拟的手机，代替真实的微信完成扫码登录。所有数据只在这台电脑上。',
  step1: '打开登录页', step1more: '在另一个标签页里打开应用，登录页会显示二维码。',
  step2: '扫一扫', step2more: '二维码会自动出现在取景框里，点一下即可。',
  step3: '关注，然后点链接', step3more: '公众号会发来登录链接，验证码在「短信」里。',
  whose: '谁的手机', fine: ' · 不连接腾讯的任何服务器',
  add: '新的人', newName: '名字',
  noChats: '还没有会话', noChatsMore: '先扫一扫电脑上的二维码，再关注公众号。', goScan: '去扫一扫',
  onScreen: '电脑屏幕上的二维码', noCode: '电脑上还没有二维码', noCodeMore: '打开应用的登录页，二维码会出现在这里。',
  scan: '扫描', expiresIn: (s) => (s > 180 ? Math.round(s / 60) + ' 分钟后失效' : s + ' 秒后失效'), never: '永久有效', older: '其他二维码',
  paste: '或粘贴二维码的内容', pasteGo: '识别',
  expired: '二维码已过期，请在电脑上刷新', unknown: '这不是有效的二维码',
  service: '服务号 · 模拟账号', follow: '关注公众号', enter: '进入公众号', unfollow: '不再关注',
  about: '关注后，公众号可以给你发送登录链接。', promptNote: '来自你刚才扫描的二维码',
  followed: '你已关注该公众号', unfollowed: '你已取消关注', scanned: '你扫描了二维码',
  say: '发消息', send: '发送', notFollowing: '你没有关注这个公众号', toFollow: '去关注',
  webPage: '网页', openPage: '打开网页', openPageMore: '这个二维码里是一个网址，将在微信的浏览器里打开：',
  noSMS: '还没有短信', noSMSMore: '绑定手机号时，验证码会发到这里。', copy: '复制', copied: '已复制',
  switchTo: '切换到另一个人的手机', language: '语言', back: '返回', more: '更多',
  offline: '模拟器没有响应', people: ['小明', '小红', '小刚', '小美', '阿强', '小雨', '老王', '小李'],
};

const en = {
  title: 'WeChat simulator', other: '中文', tabChats: 'Chats', tabScan: 'Scan', tabSMS: 'Messages', tabMe: 'Me',
  lead: 'A pretend phone that takes the place of the real WeChat. Everything stays on this computer.',
  step1: 'Open the sign-in page', step1more: 'Open the app in another tab: it shows a QR code.',
  step2: 'Scan', step2more: 'The code appears in the viewfinder by itself. One click scans it.',
  step3: 'Follow, then tap the link', step3more: 'The account sends a sign-in link; codes arrive under Messages.',
  whose: 'Whose phone', fine: ' · never connects to a server of Tencent',
  add: 'Add', newName: 'Name',
  noChats: 'No chats yet', noChatsMore: 'Scan the code on the computer, then follow the account.', goScan: 'Scan a code',
  onScreen: 'On the computer’s screen', noCode: 'No code on the computer yet', noCodeMore: 'Open the app’s sign-in page: its code appears here.',
  scan: 'Scan', expiresIn: (s) => 'expires in ' + (s > 180 ? Math.round(s / 60) + ' min' : s + ' s'), never: 'never expires', older: 'Other codes',
  paste: 'Or paste the text of a code', pasteGo: 'Read',
  expired: 'This code has expired. Refresh it on the computer.', unknown: 'This is no valid code',
  service: 'Service account · simulated', follow: 'Follow', enter: 'Open chat', unfollow: 'Unfollow',
  about: 'Once you follow it, the account can send you sign-in links.', promptNote: 'From the code that you just scanned',
  followed: 'You follow this account now', unfollowed: 'You no longer follow this account', scanned: 'You scanned a code',
  say: 'Message', send: 'Send', notFollowing: 'You do not follow this account', toFollow: 'Follow it',
  webPage: 'Web page', openPage: 'Open the page', openPageMore: 'This code holds a web address. It opens in WeChat’s browser:',
  noSMS: 'No messages yet', noSMSMore: 'Codes arrive here when a phone number is bound.', copy: 'Copy', copied: 'Copied',
  switchTo: 'Switch to another person’s phone', language: 'Language', back: 'Back', more: 'More',
  offline: 'The simulator does not answer', people: ['Ming', 'Hong', 'Gang', 'Mei', 'Qiang', 'Yu', 'Wang', 'Li'],
};

const asked = new URLSearchParams(location.search).get('lang');
let lang = asked === 'en' || asked === 'zh-CN' ? asked : localStorage.getItem('simulator.lang') || 'zh-CN';

export function word(name) {
  return (lang === 'en' ? en : zh)[name];
}

export function language() {
  return lang;
}

export function switchLanguage() {
  lang = lang === 'en' ? 'zh-CN' : 'en';
  localStorage.setItem('simulator.lang', lang);
}

// fill puts the words into the fixed parts of the page.
export function fill() {
  document.documentElement.lang = lang;
  for (const node of document.querySelectorAll('[data-word]')) node.textContent = word(node.dataset.word);
  document.getElementById('lang').textContent = word('other');
}
